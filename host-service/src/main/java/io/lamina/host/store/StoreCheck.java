package io.lamina.host.store;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.ImageCheck;
import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongConsumer;

/**
 * Looks for what must not be: rows without files, files that contradict their names, and, where every byte is asked for,
 * bytes that contradict their hashes. May run beside a daemon. One thread uses an instance.
 */
public final class StoreCheck {
    private static final int PIECE_BYTES = 1 << 20;

    private final Store store;
    private final BlobStore blobs;
    private final boolean deep;
    private final LongConsumer progress;
    private final List<String> problems = new ArrayList<>();
    private final List<BlobName> damaged = new ArrayList<>();
    private long checkedBlobs;
    private long doneBytes;

    /**
     * What was found.
     *
     * @param problems in words
     * @param damaged the blobs among them
     * @param blobs how many were looked at
     */
    public record Findings(List<String> problems, List<BlobName> damaged, long blobs) {
        /** Keeps copies. */
        public Findings {
            problems = List.copyOf(problems);
            damaged = List.copyOf(damaged);
        }
    }

    private StoreCheck(Store store, BlobStore blobs, boolean deep, LongConsumer progress) {
        this.store = store;
        this.blobs = blobs;
        this.deep = deep;
        this.progress = progress;
    }

    /**
     * Checks a store.
     *
     * @param deep whether every byte is read and hashed
     * @param progress is told how many bytes were read so far
     */
    public static Findings check(Store store, boolean deep, LongConsumer progress) throws IOException {
        StoreCheck check = new StoreCheck(store, store.blobs(), deep, progress);
        String database = store.database().check();
        if (!database.equals("ok")) {
            check.problems.add("the database: " + database);
        }
        Set<BlobName> recorded = new HashSet<>(store.layers().names());
        Set<BlobName> all = new HashSet<>(check.blobs.names());
        all.addAll(recorded);
        for (BlobName name : all.stream()
                .sorted((a, b) -> a.toString().compareTo(b.toString()))
                .toList()) {
            check.blob(name);
        }
        check.fsmetas();
        check.snapshots();
        return new Findings(check.problems, check.damaged, check.checkedBlobs);
    }

    /** Puts what was found damaged aside; the next pull of those layers makes them again. */
    public static void quarantine(Store store, Findings findings) throws IOException {
        for (BlobName name : findings.damaged) {
            if (store.blobs().isHere(name)) {
                Path _ = store.blobs().quarantine(name);
            }
        }
    }

    private void blob(BlobName name) throws IOException {
        checkedBlobs++;
        try {
            StoredBlob blob = store.layers().get(name);
            if (deep) {
                everyByte(name, blob);
            }
        } catch (IOException damage) {
            damaged.add(name);
            problems.add("layer " + name.diffId() + ": " + damage.getMessage());
        }
    }

    private void everyByte(BlobName name, StoredBlob blob) throws IOException {
        byte[] leaves = Files.readAllBytes(blob.leaves());
        if (!PartHashes.ofLeaves(VerityGeometry.STANDARD, ByteBuffer.wrap(leaves))
                .rootHash()
                .equals(name.verityRoot())) {
            throw new IOException(blob.leaves() + " does not give the root in its name");
        }
        long wrong = firstWrongBlock(blob.blob(), leaves);
        if (wrong >= 0) {
            throw new IOException(
                    blob.blob() + ": block " + wrong + " (byte " + wrong * 4096 + ") does not have its hash");
        }
        try (FileChannel file = FileChannel.open(blob.blob(), READ)) {
            List<String> found = ImageCheck.run(ErofsImage.open(blob.blob().toString(), file), _ -> {})
                    .problems();
            if (!found.isEmpty()) {
                throw new IOException(blob.blob() + ": " + found.getFirst());
            }
        }
    }

    /** The first block of {@code image} whose hash is not that of {@code leaves}; -1 if there is none. */
    private long firstWrongBlock(Path image, byte[] leaves) throws IOException {
        int blockBytes = VerityGeometry.STANDARD.dataBlockSizeBytes();
        LeafHasher hasher = new LeafHasher(VerityGeometry.STANDARD);
        ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
        byte[] hashes = new byte[PIECE_BYTES / blockBytes * VerityGeometry.HASH_BYTES];
        try (FileChannel file = FileChannel.open(image, READ)) {
            for (long at = 0; at < file.size(); at += piece.limit()) {
                piece.clear().limit((int) Math.min(PIECE_BYTES, file.size() - at));
                while (piece.hasRemaining()) {
                    if (file.read(piece, at + piece.position()) < 0) {
                        throw new EOFException(image + " became shorter");
                    }
                }
                int blocks = piece.limit() / blockBytes;
                hasher.hash(piece.flip(), hashes, 0);
                int first = Math.toIntExact(at / blockBytes);
                for (int i = 0; i < blocks; i++) {
                    int have = i * VerityGeometry.HASH_BYTES;
                    int want = (first + i) * VerityGeometry.HASH_BYTES;
                    if (!Arrays.equals(
                            hashes,
                            have,
                            have + VerityGeometry.HASH_BYTES,
                            leaves,
                            want,
                            want + VerityGeometry.HASH_BYTES)) {
                        return (long) first + i;
                    }
                }
                doneBytes += piece.limit();
                progress.accept(doneBytes);
            }
        }
        return -1;
    }

    private void fsmetas() throws IOException {
        for (FsmetaStore.StoredFsmeta fsmeta : store.fsmetas().all()) {
            if (!Files.isRegularFile(fsmeta.image()) || !Files.isRegularFile(fsmeta.leaves())) {
                problems.add("fsmeta " + fsmeta.id() + ": " + fsmeta.image() + " or its leaves are missing");
            } else if (deep) {
                long wrong = firstWrongBlock(fsmeta.image(), Files.readAllBytes(fsmeta.leaves()));
                if (wrong >= 0) {
                    problems.add("fsmeta " + fsmeta.id() + ": " + fsmeta.image() + ": block " + wrong
                            + " does not have its hash");
                }
            }
        }
    }

    private void snapshots() throws IOException {
        Set<Long> written = new HashSet<>();
        for (Snapshot snapshot : store.snapshots().all()) {
            if (snapshot.kind() == Snapshot.Kind.COMMITTED) {
                if (snapshot.content().blob().isEmpty()) {
                    problems.add("snapshot " + snapshot.key() + " is committed and has no layer");
                }
            } else {
                written.add(snapshot.id());
                if (!Files.isDirectory(store.snapshots().directories().upper(snapshot.id()))) {
                    problems.add("snapshot " + snapshot.key() + " has lost its directory");
                }
            }
        }
        for (long id : store.snapshots().directories().numbers()) {
            if (!written.contains(id)) {
                problems.add("snapshots/" + id + " belongs to no snapshot; the next start of the daemon removes it");
            }
        }
    }
}
