package io.lamina.images.layer;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Background;
import io.lamina.images.erofs.BlobOutput;
import io.lamina.images.erofs.Content;
import io.lamina.images.erofs.DeviceSlot;
import io.lamina.images.erofs.Directory;
import io.lamina.images.erofs.LeafOutput;
import io.lamina.images.erofs.MetadataLayout;
import io.lamina.images.erofs.MetadataWriter;
import io.lamina.images.oci.ChannelStream;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Converts the tar of a layer to a layer blob. The same tar gives the same bytes, always and everywhere. */
public final class LayerConverter {
    private static final int BLOCK_BITS = 12;
    private static final long MAX_BLOCKS = 0xFFFF_FFFEL - (BlobOutput.PADDING_BYTES >> BLOCK_BITS);

    private LayerConverter() {}

    /**
     * Reads a tar to its end and writes its blob and the blob's hashes, both from offset 0; positions of their channels
     * do not matter and nothing is forced to disk. After an exception the contents of both mean nothing.
     *
     * @param uncompressedTar the tar; whatever follows the end of the archive is part of the diffID; not closed. A
     *     {@link ChannelStream} saves a copy
     * @param blob takes the image, padded to a multiple of {@link BlobOutput#PADDING_BYTES}
     * @param leaves takes the level-0 dm-verity hash of each block of the blob, 32 bytes each
     * @throws io.lamina.images.CorruptImageException if the tar breaks a rule, with entry number, name and offset
     * @throws UnsupportedImageException if it uses what this version does not read
     */
    public static ConvertedLayer convert(InputStream uncompressedTar, FileChannel blob, FileChannel leaves)
            throws IOException {
        return convert(uncompressedTar, blob, leaves, (RecipeWriter) null);
    }

    /**
     * As {@link #convert(InputStream, FileChannel, FileChannel)}, and writes what {@link LayerExporter} needs to give
     * back the identical tar.
     *
     * @param recipe takes the recipe from offset 0; about 1 % of a usual tar
     */
    public static ConvertedLayer convert(
            InputStream uncompressedTar, FileChannel blob, FileChannel leaves, FileChannel recipe) throws IOException {
        try (RecipeWriter writer = new RecipeWriter(recipe)) {
            return convert(uncompressedTar, blob, leaves, writer);
        }
    }

    private static ConvertedLayer convert(
            InputStream uncompressedTar, FileChannel blob, FileChannel leaves, @Nullable RecipeWriter recipe)
            throws IOException {
        try (Background writing = Background.onAnotherThread();
                Background leafHashing = Background.onAnotherThread();
                Background hashing = Background.onAnotherThread()) {
            BlobOutput out = new BlobOutput(
                    blob,
                    new LeafOutput(leaves, leafHashing),
                    1 << BLOCK_BITS,
                    MetadataWriter.headBytes(BLOCK_BITS, 0),
                    writing);
            TarInput input = new TarInput(ChannelStream.channel(uncompressedTar), hashing, recipe);
            LayerTree tree = new LayerTree();
            Digest diffId = readAll(input, tree, new FileDataWriter(out, BLOCK_BITS, recipe));
            if (recipe != null) {
                recipe.finish(diffId, input.positionBytes());
            }
            return complete(diffId, tree, out);
        }
    }

    private static ConvertedLayer complete(Digest diffId, LayerTree tree, BlobOutput out) throws IOException {
        MetadataLayout layout = MetadataLayout.of(tree.finish(), BLOCK_BITS, out.positionBlock());
        if (layout.endBlock() > MAX_BLOCKS) {
            throw new UnsupportedImageException(
                    "layer " + diffId, layout.endBlock() + " blocks are more than 32-bit block numbers reach");
        }
        long blocks = MetadataWriter.finish(layout, out, List.of(), diffId.uuid());
        return new ConvertedLayer(diffId, 1 << BLOCK_BITS, blocks, layout.inodes());
    }

    /**
     * Reads a tar to its end and writes an index of it: an image with the tar as its second device, or, with the tar
     * behind the padded index, an image by itself.
     *
     * @param uncompressedTar as for {@link #convert}
     * @param index takes the metadata from offset 0, padded as a blob is
     * @throws io.lamina.images.CorruptImageException if the tar breaks a rule
     * @throws UnsupportedImageException if it uses what this version does not read, or what an index cannot say
     */
    public static IndexedLayer index(InputStream uncompressedTar, FileChannel index) throws IOException {
        try (Background hashing = Background.onAnotherThread();
                Background writing = Background.inline()) {
            TarInput input = new TarInput(ChannelStream.channel(uncompressedTar), hashing, null);
            LayerTree tree = new LayerTree();
            Digest diffId = readAll(input, tree, new TarPlacement());
            int bits = TarPlacement.BLOCK_BITS;
            int headBytes = MetadataWriter.headBytes(bits, 1);
            MetadataLayout layout = MetadataLayout.of(tree.finish(), bits, headBytes >> bits);
            long tarBlocks = (input.positionBytes() + (1 << bits) - 1) >> bits;
            DeviceSlot tar = new DeviceSlot(diffId.hex(), tarBlocks, layout.paddedEndBlock());
            if (tar.endBlock() > 0xFFFF_FFFEL) {
                throw new UnsupportedImageException(
                        "layer " + diffId, tar.endBlock() + " blocks are more than 32-bit block numbers reach");
            }
            BlobOutput out = new BlobOutput(index, null, 1 << bits, headBytes, writing);
            long blocks = MetadataWriter.finish(layout, out, List.of(tar), diffId.uuid());
            return new IndexedLayer(diffId, blocks, tarBlocks, layout.inodes());
        }
    }

    private static Digest readAll(TarInput input, LayerTree tree, DataPlacement data) throws IOException {
        TarReader tar = new TarReader(input);
        TarEntry entry;
        while ((entry = tar.next()) != null) {
            LayerPath path = LayerPath.of(entry, entry.path());
            tree.add(entry, path, content(entry, path, data, tar));
        }
        return input.drain();
    }

    private static @Nullable Content content(TarEntry entry, LayerPath path, DataPlacement data, TarReader tar)
            throws IOException {
        if (path.kind() == LayerPath.Kind.WHITEOUT || path.kind() == LayerPath.Kind.OPAQUE_MARK) {
            return null;
        }
        return switch (entry.body()) {
            case TarEntry.File file -> data.place(entry, file, tar);
            case TarEntry.SymbolicLink link -> new Content.Target(link.target().bytes());
            case TarEntry.DeviceNode device -> new Content.Device(device.number());
            case TarEntry.DirectoryNode _ -> new Content.Entries(new Directory());
            case TarEntry.Fifo _ -> Content.Nothing.INSTANCE;
            case TarEntry.HardLink _ -> null;
        };
    }
}
