package io.lamina.images.erofs;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class BlobOutputTest {
    private static final int HEAD_BYTES = 4096;
    private static final int IMAGE_BYTES = 8 << 20;

    @TempDir
    Path directory;

    /** Numbers that end one buffer and start the next are the ones that go wrong. */
    @Test
    void whatIsPutIsWrittenAcrossBuffers() throws Exception {
        try (ExecutorService worker = Executors.newFixedThreadPool(1)) {
            for (long seed = 0; seed < 6; seed++) {
                Background writing = new Background(seed % 2 == 0 ? null : worker);
                assertEquals(-1, mismatch(new Random(seed), writing), "first wrong byte with seed " + seed);
            }
        }
    }

    private int mismatch(Random random, Background writing) throws IOException {
        ByteBuffer expected = ByteBuffer.allocate(IMAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        Path file = directory.resolve("blob");
        byte[] noise = new byte[8];
        random.nextBytes(noise);
        try (FileChannel channel = FileChannel.open(file, CREATE, READ, WRITE)) {
            BlobOutput out = new BlobOutput(channel, null, HEAD_BYTES, HEAD_BYTES, writing);
            expected.position(HEAD_BYTES);
            int kind = random.nextInt(4);
            while (expected.remaining() > 2 * noise.length) {
                if (random.nextInt(500) == 0) {
                    kind = random.nextInt(6);
                }
                long value = random.nextLong();
                int length = random.nextInt(noise.length);
                switch (kind) {
                    case 0 -> {
                        expected.put((byte) value);
                        out.putByte((int) value);
                    }
                    case 1 -> {
                        expected.putShort((short) value);
                        out.putShort((int) value);
                    }
                    case 2 -> {
                        expected.putInt((int) value);
                        out.putInt((int) value);
                    }
                    case 3 -> {
                        expected.putLong(value);
                        out.putLong(value);
                    }
                    case 4 -> {
                        expected.put(noise, 0, length);
                        out.put(noise, 0, length);
                    }
                    default -> {
                        expected.position(expected.position() + length);
                        out.putZeroes(length);
                    }
                }
            }
            assertEquals(expected.position(), out.positionBytes());
            out.finish(new byte[HEAD_BYTES]);
        }
        byte[] written = Files.readAllBytes(file);
        return Arrays.mismatch(written, Arrays.copyOf(expected.array(), written.length));
    }
}
