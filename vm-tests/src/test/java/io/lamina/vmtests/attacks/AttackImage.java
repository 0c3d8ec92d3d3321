package io.lamina.vmtests.attacks;

import io.lamina.host.flatten.FsmetaFile;
import io.lamina.host.flatten.LayerFileSet;
import io.lamina.host.flatten.LayerFileSet.LayerFile;
import io.lamina.host.flatten.NativeLayers;
import io.lamina.host.store.BlobStore;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.ImageStatement;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * An image to attack with: its device as bytes, and its statement.
 *
 * @param device all of it, data and tree
 * @param config the image's configuration
 * @param statement what it says
 * @param partStarts first byte of fsmeta, of each layer, and of the tree
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier that is never compared
record AttackImage(byte[] device, byte[] config, ImageStatement statement, List<Integer> partStarts) {
    private static final int SUPERBLOCK = 1024;

    /** Puts the image together out of layers in files, base first. */
    static AttackImage of(Path directory, List<LayerFile> layers, ImageStatement.Terms terms, String config)
            throws IOException {
        byte[] configBytes = config.getBytes(StandardCharsets.UTF_8);
        NativeLayers copies = new NativeLayers(() -> BlobStore.open(directory.resolve("store")));
        try (LayerFileSet files = LayerFileSet.open(layers, copies);
                FsmetaFile fsmeta = FsmetaFile.merge(files.images())) {
            FlattenedDevice device = files.flatten(fsmeta);
            Path raw = directory.resolve("raw");
            try (FileChannel channel = FileChannel.open(
                    raw, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.READ)) {
                device.writeRaw(channel);
            }
            int blockBytes = device.geometry().dataBlockSizeBytes();
            List<ImageStatement.Layer> stated = new ArrayList<>();
            List<Integer> starts = new ArrayList<>(List.of(0));
            int start = aligned(fsmeta.sizeBytes());
            for (LayerFile layer : layers) {
                long size = Files.size(layer.data());
                Digest diffId = Digest.ofContent(Files.readAllBytes(layer.data()));
                stated.add(new ImageStatement.Layer(diffId, Math.ceilDiv(size, blockBytes), diffId));
                starts.add(start);
                start += aligned(size);
            }
            starts.add(start);
            ImageStatement statement = new ImageStatement(
                    new ImageStatement.Image(
                            terms.reference(),
                            Digest.ofContent(terms.toString().getBytes(StandardCharsets.UTF_8)),
                            Digest.ofContent(configBytes),
                            terms.version()),
                    new ImageStatement.Contents(
                            1, new ImageStatement.Fsmeta(fsmeta.digest(), fsmeta.sizeBytes() / blockBytes), stated),
                    new ImageStatement.VerityTable(
                            device.geometry(), device.dataBlocks(), device.hashStartBlock(), device.rootHash()),
                    terms.upperLayer(),
                    terms.validity());
            return new AttackImage(Files.readAllBytes(raw), configBytes, statement, starts);
        }
    }

    private static int aligned(long size) {
        return Math.toIntExact(
                Math.ceilDiv(size, FlattenedDevice.PART_ALIGNMENT_BYTES) * FlattenedDevice.PART_ALIGNMENT_BYTES);
    }

    /** First byte of the part, 0 being fsmeta. */
    int start(int part) {
        return partStarts.get(part);
    }

    /** First byte of the hash tree. */
    int treeStart() {
        return partStarts.getLast();
    }

    /** Where {@code text} lies for the first time from byte {@code from} on. */
    int find(String text, int from) {
        int at = new String(device, StandardCharsets.ISO_8859_1).indexOf(text, from);
        if (at < 0) {
            throw new AssertionError("the device does not have " + text);
        }
        return at;
    }

    /** Where fsmeta's root inode lies (https://github.com/torvalds/linux/blob/v6.12/fs/erofs/erofs_fs.h). */
    int rootInode() {
        ByteBuffer superblock = ByteBuffer.wrap(device, SUPERBLOCK, 128).slice().order(ByteOrder.LITTLE_ENDIAN);
        int blockBytes = 1 << superblock.get(12);
        return superblock.getInt(40) * blockBytes + Short.toUnsignedInt(superblock.getShort(14)) * 32;
    }

    /** Where fsmeta's device table lies. */
    int deviceTable() {
        ByteBuffer superblock = ByteBuffer.wrap(device, SUPERBLOCK, 128).slice().order(ByteOrder.LITTLE_ENDIAN);
        return Short.toUnsignedInt(superblock.getShort(88)) * 128;
    }

    /** The device with some of its bytes copied from another place or another device. */
    byte[] with(int target, byte[] source, int from, int length) {
        byte[] changed = device.clone();
        System.arraycopy(source, from, changed, target, length);
        return changed;
    }

    /** The device with one byte inverted. */
    byte[] flipped(int at) {
        byte[] changed = device.clone();
        changed[at] ^= (byte) 0xff;
        return changed;
    }
}
