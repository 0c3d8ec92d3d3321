package io.lamina.images.erofs;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BlobOutputTest {
    private static final int HEAD_BYTES = 4096;

    @TempDir
    Path scratch;

    @Test
    void everyKindOfWriteSurvivesTheExchangeOfBuffers() throws IOException {
        for (int seed = 0; seed < 20; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            ByteBuffer expected = ByteBuffer.allocate(6 << 20).order(ByteOrder.LITTLE_ENDIAN);
            byte[] head = new byte[HEAD_BYTES];
            random.nextBytes(head);
            expected.put(head);
            try (FileChannel blob = FileChannel.open(scratch.resolve("blob"), CREATE, WRITE);
                    FileChannel leaves = FileChannel.open(scratch.resolve("leaves"), CREATE, WRITE);
                    Background writing = background(seed % 4 == 0);
                    Background hashing = background(seed % 4 == 0)) {
                BlobOutput out = new BlobOutput(blob, new LeafOutput(leaves, hashing), 4096, HEAD_BYTES, writing);
                int start = random.nextInt(8);
                expected.position(HEAD_BYTES + start);
                out.putZeroes(start);
                while (expected.position() < 5 << 20) {
                    write(random, out, expected);
                }
                out.finish(head);
            }
            int length = (expected.position() + BlobOutput.PADDING_BYTES - 1) & -BlobOutput.PADDING_BYTES;
            byte[] whole = Arrays.copyOf(expected.array(), length);
            assertArrayEquals(whole, Files.readAllBytes(scratch.resolve("blob")), "seed " + seed);
            byte[] hashes = new byte[length / 4096 * VerityGeometry.HASH_BYTES];
            new LeafHasher(VerityGeometry.STANDARD).hash(ByteBuffer.wrap(whole), hashes, 0);
            assertArrayEquals(hashes, Files.readAllBytes(scratch.resolve("leaves")), "seed " + seed);
        }
    }

    private static Background background(boolean inline) {
        return inline ? Background.inline() : Background.onAnotherThread();
    }

    private static void write(SplittableRandom random, BlobOutput out, ByteBuffer expected) throws IOException {
        long value = random.nextLong();
        switch (random.nextInt(6)) {
            case 0 -> {
                out.putByte((int) value);
                expected.put((byte) value);
            }
            case 1 -> {
                out.putShort((int) value);
                expected.putShort((short) value);
            }
            case 2 -> {
                out.putInt((int) value);
                expected.putInt((int) value);
            }
            case 3 -> {
                out.putLong(value);
                expected.putLong(value);
            }
            case 4 -> {
                byte[] bytes = new byte[random.nextInt(random.nextInt(20_000) == 0 ? 300_000 : 40)];
                random.nextBytes(bytes);
                out.put(bytes, 0, bytes.length);
                expected.put(bytes);
            }
            default -> {
                int count = random.nextInt(20);
                out.putZeroes(count);
                expected.position(expected.position() + count);
            }
        }
    }
}
