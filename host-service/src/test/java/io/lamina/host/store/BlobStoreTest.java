package io.lamina.host.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BlobStoreTest {
    private static final Digest DIFF_ID = Digest.ofContent(new byte[] {1});

    @TempDir
    private Path directory;

    @Test
    void whatWasAddedIsFoundAgainByAnotherOpening() throws IOException {
        StoredBlob added = BlobStore.open(directory).add(BlobStoreTest::zeroes);

        StoredBlob found = BlobStore.open(directory).find(DIFF_ID).orElseThrow();

        assertEquals(added.blob(), found.blob());
        assertEquals(128, found.blocks());
        assertEquals(
                PartHashes.ofZeroes(VerityGeometry.STANDARD, 128).rootHash(),
                found.hashes().rootHash());
        assertEquals(128 * 4096, found.part().sizeBytes());
        assertTrue(BlobStore.open(directory).find(Digest.ofContent(new byte[0])).isEmpty());
    }

    @Test
    void aFailedConversionLeavesNothing() throws IOException {
        BlobStore store = BlobStore.open(directory);

        assertThrows(
                CorruptImageException.class,
                () -> store.add((blob, leaves, recipe) -> {
                    zeroes(blob, leaves, recipe);
                    throw new CorruptImageException("layer", "torn");
                }));

        assertTrue(store.find(DIFF_ID).isEmpty());
        assertEquals(List.of(), entries("staging"));
        assertEquals(List.of(), entries("blobs"));
    }

    @Test
    void addingTwiceKeepsTheFirst() throws IOException {
        BlobStore store = BlobStore.open(directory);
        StoredBlob first = store.add(BlobStoreTest::zeroes);
        Object inode = Files.getAttribute(first.blob(), "unix:ino");

        StoredBlob second = store.add(BlobStoreTest::zeroes);

        assertEquals(first.blob(), second.blob());
        assertEquals(inode, Files.getAttribute(second.blob(), "unix:ino"));
        assertEquals(List.of(), entries("staging"));
    }

    @Test
    void openingSweepsWhatDeadProcessesLeftAndNothingElse() throws Exception {
        BlobStore.open(directory);
        Process dead = new ProcessBuilder("true").start();
        dead.waitFor();
        Path unlocked = Files.createDirectory(directory.resolve("staging/" + dead.pid() + "-1"));
        Path locked = Files.createDirectory(directory.resolve("staging/" + dead.pid() + "-2"));
        Files.createFile(locked.resolve("lock"));
        Files.createDirectory(locked.resolve("content"));

        BlobStore.open(directory).add((blob, leaves, recipe) -> {
            BlobStore.open(directory); // while this one is in the making
            return zeroes(blob, leaves, recipe);
        });

        assertTrue(Files.notExists(unlocked));
        assertTrue(Files.notExists(locked));
        assertTrue(BlobStore.open(directory).find(DIFF_ID).isPresent());
    }

    @Test
    void aBlobWhoseFilesContradictEachOtherIsNamed() throws IOException {
        BlobStore store = BlobStore.open(directory);
        StoredBlob blob = store.add(BlobStoreTest::zeroes);
        byte[] leaves = Files.readAllBytes(blob.leaves());
        Path level1 = blob.blob().resolveSibling("level1");
        byte[] hash = Files.readAllBytes(level1);

        Files.write(blob.leaves(), new byte[31]);
        CorruptImageException length = assertThrows(CorruptImageException.class, () -> store.find(DIFF_ID));
        Files.write(blob.leaves(), leaves);
        hash[7] ^= 1;
        Files.write(level1, hash);
        CorruptImageException root = assertThrows(CorruptImageException.class, () -> store.find(DIFF_ID));

        assertTrue(length.getMessage().contains(DIFF_ID.hex()), length.getMessage());
        assertTrue(length.getMessage().contains("lengths"), length.getMessage());
        assertTrue(root.getMessage().contains("level1"), root.getMessage());
    }

    @Test
    void theStoreIsForItsOwnerAlone() throws IOException {
        Path root = directory.resolve("new");
        BlobStore.open(root);
        assertEquals(0700, (int) Files.getAttribute(root, "unix:mode") & 0777);
    }

    private static Digest zeroes(FileChannel blob, FileChannel leaves, FileChannel recipe) throws IOException {
        blob.write(ByteBuffer.wrap(new byte[128 * 4096]));
        leaves.write(ByteBuffer.wrap(PartHashes.zeroLeaves(VerityGeometry.STANDARD, 128)));
        return DIFF_ID;
    }

    private List<Path> entries(String name) throws IOException {
        try (Stream<Path> entries = Files.list(directory.resolve(name))) {
            return entries.toList();
        }
    }
}
