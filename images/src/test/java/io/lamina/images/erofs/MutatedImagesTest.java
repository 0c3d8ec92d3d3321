package io.lamina.images.erofs;

import static java.nio.file.StandardOpenOption.DELETE_ON_CLOSE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.layer.Layers;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import io.lamina.images.oracle.LayerStack;
import io.lamina.images.oracle.LayerStacks;
import io.lamina.images.testing.FuzzRounds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
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
    private static final int SUPERBLOCK_END = Superblock.START_BYTE + Superblock.BYTES;

    @TempDir
    Path scratch;

    @Test
    void brokenImagesAreReadOrRefused() throws Exception {
        run(1, 100_000);
    }

    @Test
    @Tag("soak")
    void millionsOfBrokenImagesAreReadOrRefused() throws Exception {
        run(System.nanoTime(), FuzzRounds.soakRounds(5_000_000));
    }

    private void run(long firstSeed, long count) throws Exception {
        List<byte[]> blobs = blobs(firstSeed);
        FuzzRounds.run(firstSeed, count, () -> rounds(blobs));
    }

    private FuzzRounds.Rounds rounds(List<byte[]> shared) throws IOException {
        List<Victim> victims = shared.stream().map(Victim::new).toList();
        FileChannel fsmeta =
                FileChannel.open(Files.createTempFile(scratch, "fsmeta", ""), READ, WRITE, DELETE_ON_CLOSE);
        return seed -> {
            SplittableRandom random = new SplittableRandom(seed);
            Victim victim = victims.get(random.nextInt(victims.size()));
            byte[] other = shared.get(random.nextInt(shared.size()));
            boolean merge = random.nextInt(10) == 0;
            victim.damage(random);
            Mutations.survives("seed " + seed, victim.bytes, bytes -> {
                ErofsImage image = ErofsImage.open("broken", ByteBuffer.wrap(bytes));
                if (merge) {
                    ErofsImage whole = ErofsImage.open("whole", ByteBuffer.wrap(other));
                    Merger.merge(List.of(new LayerImage(whole, "whole"), new LayerImage(image, "broken")), fsmeta);
                } else {
                    ImageTree.read(image);
                }
            });
            victim.heal();
        };
    }

    /** A thread's own copy of a blob, whose superblock or metadata is broken and mended again and again. */
    private static final class Victim {
        private final byte[] bytes;
        private final byte[] whole;
        private final int metadataStart;
        private final int metadataEnd;

        Victim(byte[] whole) {
            this.whole = whole;
            this.bytes = whole.clone();
            this.metadataStart =
                    4096 * ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getInt(Superblock.START_BYTE + 40);
            int end = whole.length;
            while (end > metadataStart + 64 && whole[end - 1] == 0) {
                end--;
            }
            this.metadataEnd = end;
        }

        /** The checksum is set right in most cases, so that it hides nothing. */
        void damage(SplittableRandom random) {
            if (random.nextInt(5) == 0) {
                Mutations.damage(bytes, Superblock.START_BYTE, SUPERBLOCK_END, random);
            } else {
                Mutations.damage(bytes, metadataStart, metadataEnd, random);
            }
            if (random.nextInt(8) != 0) {
                int covered = Superblock.checksummedBytes(12);
                int checksum = Superblock.checksum(bytes, Superblock.START_BYTE, covered);
                ByteBuffer.wrap(bytes)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(Superblock.START_BYTE + Superblock.CHECKSUM, checksum);
            }
        }

        void heal() {
            System.arraycopy(whole, Superblock.START_BYTE, bytes, Superblock.START_BYTE, Superblock.BYTES);
            System.arraycopy(whole, metadataStart, bytes, metadataStart, metadataEnd - metadataStart);
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
}
