package io.lamina.host.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
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
    private static final Digest ROOT = Digest.ofContent(new byte[] {2});

    @TempDir
    private Path directory;

    @Test
    void whatWasAddedIsFoundAgainByAnotherOpening() throws IOException {
        StoredBlob added = BlobStore.open(directory).add(DIFF_ID, BlobStoreTest::oneBlock);

        StoredBlob found = BlobStore.open(directory).find(DIFF_ID).orElseThrow();

        assertEquals(added, found);
        assertEquals(1, found.blocks());
        assertEquals(ROOT, found.verityRoot());
        assertEquals('a', Files.readAllBytes(found.blob())[0]);
        assertTrue(BlobStore.open(directory).find(ROOT).isEmpty());
    }

    @Test
    void aFailedConversionLeavesNothing() throws IOException {
        BlobStore store = BlobStore.open(directory);

        assertThrows(
                CorruptImageException.class,
                () -> store.add(DIFF_ID, (blob, leaves) -> {
                    oneBlock(blob, leaves);
                    throw new CorruptImageException("layer", "torn");
                }));

        assertTrue(store.find(DIFF_ID).isEmpty());
        assertEquals(List.of(), entries("staging"));
        assertEquals(List.of(), entries("blobs"));
    }

    @Test
    void addingTwiceKeepsTheFirst() throws IOException {
        BlobStore store = BlobStore.open(directory);
        StoredBlob first = store.add(DIFF_ID, BlobStoreTest::oneBlock);
        Object inode = Files.getAttribute(first.blob(), "unix:ino");

        StoredBlob second = store.add(DIFF_ID, BlobStoreTest::oneBlock);

        assertEquals(first, second);
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

        BlobStore.open(directory).add(DIFF_ID, (blob, leaves) -> {
            BlobStore.open(directory); // while this one is in the making
            return oneBlock(blob, leaves);
        });

        assertTrue(Files.notExists(unlocked));
        assertTrue(Files.notExists(locked));
        assertTrue(BlobStore.open(directory).find(DIFF_ID).isPresent());
    }

    @Test
    void aBlobWhoseFilesContradictEachOtherIsNamed() throws IOException {
        BlobStore store = BlobStore.open(directory);
        StoredBlob blob = store.add(DIFF_ID, BlobStoreTest::oneBlock);
        Files.write(blob.leaves(), new byte[31]);

        CorruptImageException found = assertThrows(CorruptImageException.class, () -> store.find(DIFF_ID));

        assertTrue(found.getMessage().contains(DIFF_ID.hex()), found.getMessage());
        assertTrue(found.getMessage().contains("31"), found.getMessage());
    }

    @Test
    void theStoreIsForItsOwnerAlone() throws IOException {
        Path root = directory.resolve("new");
        BlobStore.open(root);
        assertEquals(0700, (int) Files.getAttribute(root, "unix:mode") & 0777);
    }

    private static Digest oneBlock(FileChannel blob, FileChannel leaves) throws IOException {
        byte[] block = new byte[4096];
        block[0] = 'a';
        blob.write(ByteBuffer.wrap(block));
        leaves.write(ByteBuffer.wrap(new byte[32]));
        assertArrayEquals(new long[] {4096, 32}, new long[] {blob.size(), leaves.size()});
        return ROOT;
    }

    private List<Path> entries(String name) throws IOException {
        try (Stream<Path> entries = Files.list(directory.resolve(name))) {
            return entries.toList();
        }
    }
}
