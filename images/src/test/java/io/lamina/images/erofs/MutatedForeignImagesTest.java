package io.lamina.images.erofs;

import static java.nio.file.StandardOpenOption.DELETE_ON_CLOSE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.layer.LayerTranscoder;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.MergeObstacle;
import io.lamina.images.merge.Merger;
import io.lamina.images.testing.FuzzRounds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images of mkfs.erofs in all its forms with broken bytes are read, merged and copied, or refused, never more. */
class MutatedForeignImagesTest {
    private static final int SUPERBLOCK_END = Superblock.START_BYTE + Superblock.BYTES;
    /** Behind an inode: its attributes, and the start of its index. */
    private static final int NEAR_BYTES = 96;

    @TempDir
    Path scratch;

    @Test
    void brokenImagesAreReadOrRefused() throws Exception {
        run(1, 12_000);
    }

    @Test
    @Tag("soak")
    void millionsOfBrokenImagesAreReadOrRefused() throws Exception {
        run(System.nanoTime(), FuzzRounds.soakRounds(1_000_000));
    }

    /** A file of a megabyte in extents of some bytes each, read from the packed inode: it cost 64 KiB an extent once. */
    @Test
    void shortExtentsTakeNoMoreMemoryThanLongOnes() throws Exception {
        run(310_061_110, 1);
    }

    private void run(long firstSeed, long count) throws Exception {
        List<Seed> seeds = new ArrayList<>();
        for (String form : ForeignVectors.FORMS) {
            seeds.add(Seed.of(form));
        }
        FuzzRounds.run(firstSeed, count, () -> rounds(seeds));
    }

    private FuzzRounds.Rounds rounds(List<Seed> seeds) throws IOException {
        FileChannel first = scratchFile();
        FileChannel second = scratchFile();
        FileChannel third = scratchFile();
        return number -> {
            SplittableRandom random = new SplittableRandom(number);
            Seed seed = seeds.get(random.nextInt(seeds.size()));
            int use = random.nextInt(20);
            Mutations.survives(seed.form + " seed " + number, seed.broken(random), bytes -> {
                ErofsImage image = ErofsImage.open("broken", ByteBuffer.wrap(bytes));
                if (use == 0) {
                    LayerTranscoder.transcode(image, first, second, third);
                } else if (use < 5) {
                    if (MergeObstacle.of(image) == null) {
                        Merger.merge(List.of(new LayerImage(image, "broken")), first);
                    }
                } else {
                    ImageTree.read(image);
                }
            });
        };
    }

    private FileChannel scratchFile() throws IOException {
        return FileChannel.open(Files.createTempFile(scratch, "file", ""), READ, WRITE, DELETE_ON_CLOSE);
    }

    /** A whole image, and where its inodes start. */
    private static final class Seed {
        private final String form;
        private final byte[] whole;
        private final List<Integer> inodes;

        private Seed(String form, byte[] whole, List<Integer> inodes) {
            this.form = form;
            this.whole = whole;
            this.inodes = inodes;
        }

        static Seed of(String form) throws IOException {
            byte[] whole = ForeignVectors.read(form);
            ErofsImage image = ErofsImage.open(form, ByteBuffer.wrap(whole));
            List<Integer> inodes = new ArrayList<>();
            ArrayDeque<Inode> directories = new ArrayDeque<>(List.of(image.root()));
            while (!directories.isEmpty()) {
                DirentCursor entries = image.entries(directories.remove());
                while (entries.next()) {
                    Inode inode = image.inode(entries.nid());
                    add(inodes, inode);
                    if (inode.type() == FileType.DIRECTORY) {
                        directories.add(inode);
                    }
                }
            }
            for (long nid : new long[] {
                image.superblock().packed().nid(), image.superblock().metaboxNid()
            }) {
                if (nid != 0) {
                    add(inodes, image.inode(nid));
                }
            }
            return new Seed(form, whole, inodes);
        }

        /** Those in the metabox lie where damage to its data strikes. */
        private static void add(List<Integer> inodes, Inode inode) {
            if (!inode.place().inMetabox()) {
                inodes.add((int) inode.place().startByte());
            }
        }

        byte[] broken(SplittableRandom random) {
            byte[] broken = whole.clone();
            switch (random.nextInt(8)) {
                case 0 -> Mutations.damage(broken, Superblock.START_BYTE, SUPERBLOCK_END + 64, random);
                case 1 -> Mutations.damage(broken, SUPERBLOCK_END, broken.length, random);
                default -> {
                    int start = inodes.get(random.nextInt(inodes.size()));
                    Mutations.damage(broken, start, Math.min(start + NEAR_BYTES, broken.length), random);
                }
            }
            // In most cases the checksum is right, so that it hides nothing.
            if (random.nextInt(8) != 0) {
                int covered = Superblock.checksummedBytes(whole[Superblock.START_BYTE + 12]);
                ByteBuffer.wrap(broken)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(
                                Superblock.START_BYTE + Superblock.CHECKSUM,
                                Superblock.checksum(broken, Superblock.START_BYTE, covered));
            }
            return broken;
        }
    }
}
