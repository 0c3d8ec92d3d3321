package io.lamina.images.erofs;

import io.lamina.images.CorruptImageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongConsumer;

/**
 * Reads all of an image, as a mount would and more, and tells what is wrong with it: entries out of order, types and
 * link counts that do not agree, directories reached twice, data that is not there or does not decompress.
 */
public final class ImageCheck {
    private static final int MAX_PROBLEMS = 100;
    private static final int PIECE_BYTES = 1 << 20;

    private final ErofsImage image;
    private final LongConsumer progress;
    private final WalkBudget walk;
    private final ArrayDeque<Long> ahead = new ArrayDeque<>();
    private final Set<Long> directories = new HashSet<>();
    /** Names seen of each inode that is no directory. */
    private final Map<Long, Names> names = new HashMap<>();

    private final Map<FileType, Long> counts = new TreeMap<>();
    private final BitSet readBlocks = new BitSet();
    private final ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
    private final List<String> problems = new ArrayList<>();
    private long dataBytes;

    /** What was found. */
    public record Findings(Map<FileType, Long> counts, long dataBytes, List<String> problems) {
        /** Keeps copies. */
        public Findings {
            counts = Map.copyOf(counts);
            problems = List.copyOf(problems);
        }

        /** Inodes of all types. */
        public long inodes() {
            return counts.values().stream().mapToLong(Long::longValue).sum();
        }
    }

    private static final class Names {
        private final long told;
        private long seen;

        Names(long told) {
            this.told = told;
        }
    }

    private ImageCheck(ErofsImage image, LongConsumer progress) {
        this.image = image;
        this.progress = progress;
        this.walk = new WalkBudget(image);
    }

    /**
     * Checks an image. Damage is told in the result, up to a hundred cases of it.
     *
     * @param progress is told now and then how many bytes of files were read
     * @throws IOException if the image cannot be read; features that are not known are
     *     {@link io.lamina.images.UnsupportedImageException}
     */
    public static Findings run(ErofsImage image, LongConsumer progress) throws IOException {
        ImageCheck check = new ImageCheck(image, progress);
        try {
            check.walk();
        } catch (CorruptImageException damage) {
            check.problem(damage);
        }
        return new Findings(check.counts, check.dataBytes, check.problems);
    }

    private void walk() throws IOException {
        Inode root = image.root();
        enter(root.place().nid(), root.place().nid());
        while (!ahead.isEmpty() && problems.size() < MAX_PROBLEMS) {
            directory(ahead.remove(), ahead.remove());
        }
        names.forEach((nid, links) -> {
            if (links.seen != links.told) {
                problem("inode " + nid + ": has " + links.seen + " names, its link count is " + links.told);
            }
        });
        long told = image.superblock().tree().inodes();
        long found = counts.values().stream().mapToLong(Long::longValue).sum();
        if (problems.isEmpty() && told != 0 && told < found) {
            problem("superblock: tells " + told + " inodes, there are " + found);
        }
    }

    private void enter(long nid, long parent) {
        if (!directories.add(nid)) {
            problem("inode " + nid + ": the directory has two names, or contains itself");
            return;
        }
        ahead.add(nid);
        ahead.add(parent);
    }

    private void directory(long nid, long parent) throws IOException {
        try {
            Inode directory = image.inode(nid);
            walk.spend(directory);
            counts.merge(FileType.DIRECTORY, 1L, Long::sum);
            image.xattrs(directory);
            long subdirectories = 0;
            DirentCursor entries = image.entries(directory, walk);
            while (entries.next()) {
                subdirectories += entry(directory, entries) ? 1 : 0;
            }
            if (entries.parentNid() != parent) {
                problem(image.corrupt(directory, ".. leads to inode " + entries.parentNid() + ", not " + parent));
            }
            // A count of 1 means that it was not counted, as some writers do it for large directories.
            if (directory.links() != subdirectories + 2 && directory.links() != 1) {
                problem(image.corrupt(
                        directory, subdirectories + " subdirectories, but a link count of " + directory.links()));
            }
        } catch (CorruptImageException damage) {
            problem(damage);
        }
    }

    /** @return whether the entry is a directory */
    private boolean entry(Inode directory, DirentCursor entries) throws IOException {
        try {
            Inode inode = image.inode(entries.nid());
            FileType type = inode.type();
            if (entries.typeCode() != type.direntCode()) {
                problem(image.corrupt(
                        directory, "an entry has type " + entries.typeCode() + ", its inode " + type.direntCode()));
            }
            if (type == FileType.DIRECTORY) {
                enter(entries.nid(), directory.place().nid());
                return true;
            }
            Names known = names.get(entries.nid());
            if (known == null) {
                known = new Names(inode.links());
                names.put(entries.nid(), known);
                file(inode);
            }
            known.seen++;
        } catch (CorruptImageException damage) {
            problem(damage);
        }
        return false;
    }

    private void file(Inode inode) throws IOException {
        walk.spend(inode);
        counts.merge(inode.type(), 1L, Long::sum);
        image.xattrs(inode);
        switch (inode.type()) {
            case SYMLINK -> image.symlinkTarget(inode);
            case REGULAR -> regular(inode);
            case DIRECTORY, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET -> {}
        }
    }

    private void regular(Inode inode) throws IOException {
        switch (inode.data().layout()) {
            case FLAT_PLAIN, CHUNK_BASED -> chunks(inode);
            case FLAT_INLINE, COMPRESSED_FULL, COMPRESSED_COMPACT ->
                read(inode, 0, inode.data().sizeBytes());
        }
    }

    /** Holes are not read, and a block that several files share is read once: a small image cannot cost long work. */
    private void chunks(Inode inode) throws IOException {
        ChunkMap chunks = image.chunks(inode);
        int blockBits = image.superblock().areas().blockBits();
        long chunkBytes = 1L << (chunks.chunkBlockBits() + blockBits);
        for (int i = 0; i < chunks.count(); i++) {
            long index = chunks.index(i);
            if (ChunkIndex.isHole(index)) {
                continue;
            }
            int device = ChunkIndex.deviceId(index);
            long first = ChunkIndex.startBlock(index)
                    + (device == 0 ? 0 : image.devices().get(device - 1).uniaddrBlock());
            long end = first + chunks.blocks(i);
            long start = i * chunkBytes;
            if (end > Integer.MAX_VALUE) {
                read(inode, start, Math.min(chunkBytes, inode.data().sizeBytes() - start));
                continue;
            }
            int from = readBlocks.nextClearBit((int) first);
            while (from < end) {
                int to = readBlocks.nextSetBit(from);
                to = to < 0 ? (int) end : (int) Math.min(to, end);
                long at = start + ((from - first) << blockBits);
                read(
                        inode,
                        at,
                        Math.min((long) (to - from) << blockBits, inode.data().sizeBytes() - at));
                readBlocks.set(from, to);
                from = readBlocks.nextClearBit(to);
            }
        }
    }

    private void read(Inode inode, long startByte, long lengthBytes) throws IOException {
        for (long done = 0; done < lengthBytes; done += piece.position()) {
            piece.clear().limit((int) Math.min(PIECE_BYTES, lengthBytes - done));
            image.read(inode, startByte + done, piece);
            dataBytes += piece.position();
            progress.accept(dataBytes);
        }
    }

    private void problem(CorruptImageException damage) {
        problem(String.valueOf(damage.getMessage()));
    }

    private void problem(String words) {
        if (problems.size() < MAX_PROBLEMS) {
            problems.add(words);
        }
    }
}
