package io.lamina.guest;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.guest.VerityDevice.Proved;
import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.IndexedLayer;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.HashTree;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.DeviceMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A mountable device out of a disk that holds tars. Each tar is read once: hashed for its diffID, hashed block by block for
 * the tree, and indexed. Indexes, merged metadata and the tree stay in the guest's memory, and whatever is read of a tar
 * afterwards goes through dm-verity, so that a second reading cannot differ from the first.
 */
final class TarDevice {
    private static final VerityGeometry GEOMETRY =
            new VerityGeometry(IndexedLayer.BLOCK_SIZE_BYTES, VerityGeometry.STANDARD.hashBlockSizeBytes());

    private static final String DATA = "lamina-tars";
    private static final int METADATA_LOOP = 0;
    private static final int TREE_LOOP = 1;

    private final ManifestProof proof;
    private final Path disk;
    private final Path memory;

    private TarDevice(ManifestProof proof, Path disk, Path memory) {
        this.proof = proof;
        this.disk = disk;
        this.memory = memory;
    }

    /**
     * Reads all tars of {@code disk} and puts the device together.
     *
     * @param memory a directory in the guest's memory
     * @throws RefusedException if a tar is not the one that the configuration names
     */
    static Proved prove(ManifestProof proof, Path disk, Path memory)
            throws IOException, InterruptedException, RefusedException {
        return new TarDevice(proof, disk, Files.createDirectories(memory)).prove();
    }

    private Proved prove() throws IOException, InterruptedException, RefusedException {
        List<PartHashes> parts = new ArrayList<>();
        List<Path> leaves = new ArrayList<>();
        long diskByte = 0;
        for (int layer = 0; layer < proof.tarLengthsBytes().size(); layer++) {
            long length = proof.tarLengthsBytes().get(layer);
            leaves.add(memory.resolve("leaves-" + layer));
            readTar(layer, diskByte, length, leaves.getLast());
            parts.add(hashes(leaves.getLast()));
            diskByte += ManifestProof.alignedBytes(length);
        }
        Path fsmeta = memory.resolve("fsmeta");
        merge(fsmeta);
        leaves.addFirst(memory.resolve("leaves-fsmeta"));
        long fsmetaBytes = ManifestProof.alignedBytes(Files.size(fsmeta));
        try (FileChannel channel = FileChannel.open(fsmeta, READ, WRITE);
                InputStream in = Files.newInputStream(fsmeta);
                LeafFile out = LeafFile.create(leaves.getFirst(), GEOMETRY)) {
            channel.write(ByteBuffer.allocate(1), fsmetaBytes - 1); // zeroes up to there
            out.readAll(in);
        }
        parts.addFirst(hashes(leaves.getFirst()));
        HashTree tree = HashTree.compose(parts);
        Path data = concatenated(LoopDevice.of(fsmeta, METADATA_LOOP), fsmetaBytes, diskByte);
        Path hashes = LoopDevice.of(treeFile(tree, leaves), TREE_LOOP);
        return new Proved(data, hashes, GEOMETRY, tree.dataBlocks(), 0, tree.rootHash());
    }

    private void readTar(int layer, long startByte, long lengthBytes, Path leaves)
            throws IOException, RefusedException {
        Digest expected = proof.config().diffIds().get(layer);
        IndexedLayer indexed;
        try (FileChannel source = FileChannel.open(disk, READ);
                LeafFile out = LeafFile.create(leaves, GEOMETRY);
                FileChannel index = FileChannel.open(index(layer), CREATE_NEW, READ, WRITE)) {
            source.position(startByte);
            InputStream tar = out.hashing(source, lengthBytes);
            indexed = LayerConverter.index(tar, index);
            out.readRest(source, ManifestProof.alignedBytes(lengthBytes));
        } catch (CorruptImageException noTar) {
            throw new RefusedException("diff-id", expected.toString(), String.valueOf(noTar.getMessage()));
        }
        checkDiffId(expected, indexed.diffId());
    }

    private static void checkDiffId(Digest expected, Digest found) throws RefusedException {
        if (!found.equals(expected)) {
            throw new RefusedException("diff-id", expected.toString(), found.toString());
        }
    }

    private void merge(Path fsmeta) throws IOException {
        List<FileChannel> open = new ArrayList<>();
        try (FileChannel target = FileChannel.open(fsmeta, CREATE_NEW, READ, WRITE)) {
            List<LayerImage> layers = new ArrayList<>();
            for (int layer = 0; layer < proof.tarLengthsBytes().size(); layer++) {
                open.add(FileChannel.open(index(layer), READ));
                layers.add(LayerImage.of(
                        ErofsImage.open("layer " + layer, open.getLast()),
                        proof.config().diffIds().get(layer)));
            }
            Merger.merge(layers, target);
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
    }

    private Path index(int layer) {
        return memory.resolve("index-" + layer);
    }

    private static PartHashes hashes(Path leaves) throws IOException {
        try (FileChannel channel = FileChannel.open(leaves, READ)) {
            return PartHashes.ofLeaves(GEOMETRY, channel);
        }
    }

    /** The tree as dm-verity reads it: the upper levels, then all leaves. The leaves' own files are gone afterwards. */
    private Path treeFile(HashTree tree, List<Path> leaves) throws IOException {
        Path file = memory.resolve("tree");
        try (FileChannel target = FileChannel.open(file, CREATE_NEW, WRITE)) {
            ByteBuffer upper = tree.upperLevels();
            while (upper.hasRemaining()) {
                target.write(upper);
            }
            for (Path part : leaves) {
                try (FileChannel source = FileChannel.open(part, READ)) {
                    long done = 0;
                    while (done < source.size()) {
                        done += source.transferTo(done, source.size() - done, target);
                    }
                }
                Files.delete(part);
            }
        }
        return file;
    }

    private Path concatenated(Path metadata, long metadataBytes, long diskBytes) throws IOException {
        try (DeviceMapper mapper = DeviceMapper.open()) {
            return mapper.createReadOnly(
                    DATA,
                    List.of(
                            new DeviceMapper.Target(
                                    "linear", metadataBytes / DeviceMapper.SECTOR_BYTES, metadata + " 0"),
                            new DeviceMapper.Target("linear", diskBytes / DeviceMapper.SECTOR_BYTES, disk + " 0")));
        }
    }
}
