package io.lamina.images.merge;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Areas;
import io.lamina.images.erofs.Background;
import io.lamina.images.erofs.BlobOutput;
import io.lamina.images.erofs.DeviceSlot;
import io.lamina.images.erofs.MetadataLayout;
import io.lamina.images.erofs.MetadataWriter;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** Merges layers into fsmeta. The same layers in the same order give the same bytes. */
public final class Merger {
    private static final int BLOCK_BITS = 12;
    private static final int BLOCK_BYTES = 1 << BLOCK_BITS;
    private static final int MAX_LAYERS = 65_535;
    private static final long MAX_BLOCKS = 0xFFFF_FFFEL;

    private Merger() {}

    /**
     * Writes fsmeta for layers that follow it on the flattened device, each at a multiple of
     * {@link BlobOutput#PADDING_BYTES}. Nothing is forced to disk; after an exception the file's contents mean nothing.
     *
     * @param baseFirst at least one layer, the lowest first
     * @param fsmeta takes the image from offset 0, padded to a multiple of {@link BlobOutput#PADDING_BYTES}
     * @throws CorruptImageException if a layer breaks a rule of EROFS
     * @throws UnsupportedImageException if a layer uses what this version does not merge
     */
    public static Fsmeta merge(List<LayerImage> baseFirst, FileChannel fsmeta) throws IOException {
        if (baseFirst.isEmpty() || baseFirst.size() > MAX_LAYERS) {
            throw new IllegalArgumentException(baseFirst.size() + " layers, not 1 to " + MAX_LAYERS);
        }
        for (LayerImage layer : baseFirst) {
            checkMergeable(layer);
        }
        TreeMerge merge = new TreeMerge(baseFirst);
        int headBytes = MetadataWriter.headBytes(BLOCK_BITS, baseFirst.size());
        MetadataLayout layout = MetadataLayout.of(merge.run(), BLOCK_BITS, headBytes >> BLOCK_BITS);
        List<DeviceSlot> slots = slots(baseFirst, layout.paddedEndBlock());
        BlobOutput out = new BlobOutput(fsmeta, null, BLOCK_BYTES, headBytes, new Background(null));
        long blocks = MetadataWriter.finish(layout, out, slots, uuid(baseFirst));
        List<MappedLayer> mapped = slots.stream()
                .map(slot -> new MappedLayer(slot.uniaddrBlock(), slot.blocks()))
                .toList();
        return new Fsmeta(BLOCK_BYTES, blocks, layout.inodes(), mapped);
    }

    private static void checkMergeable(LayerImage layer) throws UnsupportedImageException {
        Areas areas = layer.image().superblock().areas();
        if (areas.blockBits() != BLOCK_BITS) {
            throw new UnsupportedImageException(
                    layer.image().name(),
                    "blocks of " + areas.blockSizeBytes() + " bytes are not merged yet, only of " + BLOCK_BYTES);
        }
        if (!layer.image().devices().isEmpty()) {
            throw new UnsupportedImageException(
                    layer.image().name(), "a layer whose data is on devices of its own is not merged yet");
        }
    }

    private static List<DeviceSlot> slots(List<LayerImage> baseFirst, long fsmetaBlocks)
            throws UnsupportedImageException {
        long unit = BlobOutput.PADDING_BYTES >> BLOCK_BITS;
        List<DeviceSlot> slots = new ArrayList<>(baseFirst.size());
        long next = fsmetaBlocks;
        for (LayerImage layer : baseFirst) {
            DeviceSlot slot = new DeviceSlot(
                    layer.tag(), layer.image().superblock().areas().blocks(), next);
            if (slot.endBlock() > MAX_BLOCKS) {
                throw new UnsupportedImageException(
                        layer.image().name(), "the flattened device ends behind block " + MAX_BLOCKS);
            }
            slots.add(slot);
            next = (slot.endBlock() + unit - 1) / unit * unit;
        }
        return slots;
    }

    private static UUID uuid(List<LayerImage> baseFirst) {
        StringBuilder names = new StringBuilder("lamina fsmeta 1\n");
        for (LayerImage layer : baseFirst) {
            names.append(layer.tag()).append('\n');
        }
        return LayerConverter.uuid(Digest.ofContent(names.toString().getBytes(StandardCharsets.UTF_8)));
    }
}
