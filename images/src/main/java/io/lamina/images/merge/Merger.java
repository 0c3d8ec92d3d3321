package io.lamina.images.merge;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Areas;
import io.lamina.images.erofs.Background;
import io.lamina.images.erofs.BlobOutput;
import io.lamina.images.erofs.DeviceSlot;
import io.lamina.images.erofs.MetadataLayout;
import io.lamina.images.erofs.MetadataWriter;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** Merges layers into fsmeta. The same layers in the same order give the same bytes. */
public final class Merger {
    private static final int MAX_LAYERS = 65_535;
    private static final long MAX_BLOCKS = 0xFFFF_FFFEL;

    private Merger() {}

    /**
     * Writes fsmeta for layers that follow it on the flattened device, each at a multiple of
     * {@link BlobOutput#PADDING_BYTES}; of a tar-index the tar follows, not the index. Nothing is forced to disk; after an exception the file's contents mean nothing.
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
        int blockBits = blockBits(baseFirst);
        TreeMerge.Merged tree = TreeMerge.of(baseFirst);
        int headBytes = MetadataWriter.headBytes(blockBits, baseFirst.size(), tree.compression());
        MetadataLayout layout = MetadataLayout.of(tree.root(), blockBits, headBytes >> blockBits);
        List<DeviceSlot> slots = slots(baseFirst, layout.paddedEndBlock(), blockBits);
        List<MappedLayer> mapped = slots.stream()
                .map(slot -> new MappedLayer(slot.uniaddrBlock(), slot.blocks()))
                .toList();
        try (Background writing = Background.inline()) {
            BlobOutput out = new BlobOutput(fsmeta, null, 1 << blockBits, headBytes, writing);
            long blocks = MetadataWriter.finish(layout, out, slots, tree.compression(), uuid(baseFirst));
            return new Fsmeta(1 << blockBits, blocks, layout.inodes(), mapped);
        }
    }

    /** All layers have blocks of one size, which is fsmeta's too. */
    private static int blockBits(List<LayerImage> baseFirst) throws UnsupportedImageException {
        Areas first = baseFirst.getFirst().image().superblock().areas();
        for (LayerImage layer : baseFirst) {
            Areas areas = layer.image().superblock().areas();
            if (areas.blockBits() != first.blockBits()) {
                throw new UnsupportedImageException(
                        layer.image().name(),
                        "blocks of " + areas.blockSizeBytes() + " bytes on top of blocks of "
                                + first.blockSizeBytes()
                                + "; convert tar-index layers to plain ones to merge them with others");
            }
        }
        return first.blockBits();
    }

    private static List<DeviceSlot> slots(List<LayerImage> baseFirst, long fsmetaBlocks, int blockBits)
            throws UnsupportedImageException {
        long unit = BlobOutput.PADDING_BYTES >> blockBits;
        List<DeviceSlot> slots = new ArrayList<>(baseFirst.size());
        long next = fsmetaBlocks;
        for (LayerImage layer : baseFirst) {
            DeviceSlot slot =
                    new DeviceSlot(layer.tag(), LayerData.of(layer.image()).blocks(), next);
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
        return Digest.ofContent(names.toString().getBytes(StandardCharsets.UTF_8))
                .uuid();
    }
}
