package io.lamina.images.erofs;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.layer.Layers;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import io.lamina.images.oracle.LayerStack;
import io.lamina.images.oracle.LayerStacks;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Layer blobs with broken bytes are read or refused, never more. */
class MutatedImagesTest {
    private static final int BLOBS = 40;

    @TempDir
    Path scratch;

    @Test
    void brokenImagesAreReadOrRefused() throws IOException {
        run(1, 20_000);
    }

    @Test
    @Tag("soak")
    void millionsOfBrokenImagesAreReadOrRefused() throws IOException {
        run(System.nanoTime(), 5_000_000);
    }

    private void run(long firstSeed, int count) throws IOException {
        List<byte[]> blobs = blobs(firstSeed);
        try (FileChannel fsmeta = FileChannel.open(scratch.resolve("fsmeta"), CREATE, WRITE)) {
            for (int i = 0; i < count; i++) {
                long seed = firstSeed + i;
                SplittableRandom random = new SplittableRandom(seed);
                byte[] blob = blobs.get(random.nextInt(blobs.size()));
                byte[] broken = mutate(blob, random);
                byte[] other = blobs.get(random.nextInt(blobs.size()));
                boolean merge = i % 10 == 0;
                Mutations.survives("seed " + seed, broken, bytes -> {
                    ErofsImage image = ErofsImage.open("broken", ByteBuffer.wrap(bytes));
                    if (merge) {
                        ErofsImage whole = ErofsImage.open("whole", ByteBuffer.wrap(other));
                        Merger.merge(List.of(new LayerImage(whole, "whole"), new LayerImage(image, "broken")), fsmeta);
                    } else {
                        ImageTree.read(image);
                    }
                });
            }
        }
    }

    private List<byte[]> blobs(long firstSeed) throws IOException {
        List<byte[]> blobs = new ArrayList<>();
        for (long seed = firstSeed; blobs.size() < BLOBS; seed++) {
            LayerStack stack = LayerStacks.generate(seed, LayerStacks.Judge.OVERLAYFS);
            for (byte[] tar : stack.tars()) {
                blobs.add(Layers.blob(tar, scratch));
            }
        }
        return blobs;
    }

    /** Breaks the superblock or the metadata; the checksum is set right in most cases, so that it hides nothing. */
    private static byte[] mutate(byte[] blob, SplittableRandom random) {
        int metadata =
                4096 * ByteBuffer.wrap(blob).order(ByteOrder.LITTLE_ENDIAN).getInt(Superblock.START_BYTE + 40);
        int end = blob.length;
        while (end > metadata + 64 && blob[end - 1] == 0) {
            end--;
        }
        boolean superblock = random.nextInt(5) == 0;
        byte[] broken = superblock
                ? Mutations.mutate(blob, Superblock.START_BYTE, Superblock.START_BYTE + Superblock.BYTES, random)
                : Mutations.mutate(blob, metadata, end, random);
        if (random.nextInt(8) != 0) {
            int covered = Superblock.checksummedBytes(12);
            int checksum = Superblock.checksum(broken, Superblock.START_BYTE, covered);
            ByteBuffer.wrap(broken)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(Superblock.START_BYTE + Superblock.CHECKSUM, checksum);
        }
        return broken;
    }
}
