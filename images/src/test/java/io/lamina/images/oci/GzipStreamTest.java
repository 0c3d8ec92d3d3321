package io.lamina.images.oci;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.testing.Mutations;
import io.lamina.images.testing.Programs;
import io.lamina.linux.testing.Machine;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class GzipStreamTest {
    @TempDir
    Path directory;

    @Test
    void whatGzipWroteIsRead() throws Exception {
        Machine.needsProgram("gzip");
        byte[] content = new byte[1_000_000];
        new Random(3).nextBytes(content);
        Arrays.fill(content, 200_000, 700_000, (byte) 'x');
        Path file = Files.write(directory.resolve("named file"), content);
        Programs.run("gzip", "--name", file.toString());
        byte[] packed = Files.readAllBytes(directory.resolve("named file.gz"));
        assertArrayEquals(content, unpack(packed));
        InputStream oneByOne = new FilterInputStream(new ByteArrayInputStream(packed)) {
            @Override
            public int read(byte[] buffer, int offset, int length) throws IOException {
                return super.read(buffer, offset, 1);
            }
        };
        assertArrayEquals(content, new GzipStream("gzip", oneByOne).readAllBytes());
    }

    @Test
    void allMembersAreRead() throws Exception {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        StringBuilder expected = new StringBuilder();
        for (int i = 0; i < 50; i++) {
            String part = "part ".repeat(i) + i;
            expected.append(part);
            packed.write(TestLayout.gzip(part.getBytes(StandardCharsets.UTF_8)));
        }
        assertEquals(expected.toString(), new String(unpack(packed.toByteArray()), StandardCharsets.UTF_8));
    }

    @Test
    void allHeaderFieldsAreSkipped() throws Exception {
        byte[] plain = TestLayout.gzip(new byte[] {1, 2, 3});
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        packed.write(plain, 0, 3);
        packed.write(0x1f & ~2);
        packed.write(plain, 4, 6);
        packed.write(new byte[] {3, 0, 9, 9, 9});
        packed.write("name\0comment\0".getBytes(StandardCharsets.UTF_8));
        packed.write(plain, 10, plain.length - 10);
        assertArrayEquals(new byte[] {1, 2, 3}, unpack(packed.toByteArray()));
    }

    @Test
    void whatFollowsAMemberIsAMemberOrTheEnd() throws Exception {
        byte[] packed = TestLayout.gzip(new byte[100]);
        for (byte[] tail : new byte[][] {{0}, {0x1f}, {0x1f, (byte) 0x8b}, {1, 2, 3, 4}, new byte[1000]}) {
            byte[] longer = Arrays.copyOf(packed, packed.length + tail.length);
            System.arraycopy(tail, 0, longer, packed.length, tail.length);
            assertThrows(CorruptImageException.class, () -> unpack(longer));
        }
        assertThrows(CorruptImageException.class, () -> unpack(new byte[0]));
    }

    @Test
    void everyTruncationIsRefused() throws Exception {
        byte[] packed = TestLayout.gzip("some content some content".getBytes(StandardCharsets.UTF_8));
        for (int length = 0; length < packed.length; length++) {
            byte[] cut = Arrays.copyOf(packed, length);
            assertThrows(CorruptImageException.class, () -> unpack(cut), "length " + length);
        }
    }

    @Test
    void mutatedStreamsAreRefusedOrRead() throws Exception {
        byte[] content = "some content some content, ".repeat(40).getBytes(StandardCharsets.UTF_8);
        byte[] packed = TestLayout.gzip(content);
        long seed = 0x921;
        Random random = new Random(seed);
        int refused = 0;
        for (int round = 0; round < 20_000; round++) {
            try {
                unpack(Mutations.mutate(packed, random));
            } catch (CorruptImageException refusal) {
                refused++;
            } catch (RuntimeException | Error escaped) {
                throw new AssertionError("seed " + seed + " round " + round, escaped);
            }
        }
        assertTrue(refused > 15_000, refused + " refused");
    }

    /** Pieces of every size at either end, members of every length: both ways to inflate give the content. */
    @Test
    void piecesOfAnySizeGiveTheContent() throws Exception {
        Random random = new Random(0x1f8b);
        for (int round = 0; round < 300; round++) {
            ByteArrayOutputStream content = new ByteArrayOutputStream();
            ByteArrayOutputStream packed = new ByteArrayOutputStream();
            for (int member = random.nextInt(4); member >= 0; member--) {
                byte[] part = content(random);
                content.write(part);
                packed.write(TestLayout.gzip(part));
            }
            int inputBytes = 1 + random.nextInt(random.nextBoolean() ? 20 : 70_000);
            int outputBytes = 1 + random.nextInt(random.nextBoolean() ? 20 : 300_000);
            for (Inflate way : ways()) {
                InputStream pieces = new FilterInputStream(new ByteArrayInputStream(packed.toByteArray())) {
                    @Override
                    public int read(byte[] buffer, int offset, int length) throws IOException {
                        return super.read(buffer, offset, Math.min(length, inputBytes));
                    }
                };
                ByteArrayOutputStream found = new ByteArrayOutputStream();
                try (GzipStream stream = new GzipStream("gzip", pieces, way)) {
                    ByteBuffer output = ByteBuffer.allocateDirect(outputBytes);
                    while (stream.read(output.clear()) >= 0) {
                        byte[] bytes = new byte[output.flip().remaining()];
                        output.get(bytes);
                        found.write(bytes);
                    }
                }
                assertArrayEquals(content.toByteArray(), found.toByteArray(), way + ", round " + round);
            }
        }
    }

    private static byte[] content(Random random) {
        byte[] part = new byte[random.nextInt(random.nextBoolean() ? 30 : 200_000)];
        int alphabet = 1 + random.nextInt(256);
        for (int i = 0; i < part.length; i++) {
            part[i] = (byte) random.nextInt(alphabet);
        }
        return part;
    }

    /** Both where ISA-L is installed, as the tests' packages see to. */
    private static List<Inflate> ways() {
        Machine.need(Isal.INSTANCE != null, "the library libisal2");
        return List.of(new JdkInflate(), new IsalInflate(Objects.requireNonNull(Isal.INSTANCE)));
    }

    private static byte[] unpack(byte[] packed) throws IOException {
        byte[] first = null;
        CorruptImageException refusal = null;
        for (Inflate way : ways()) {
            try (GzipStream stream = new GzipStream("gzip", new ByteArrayInputStream(packed), way)) {
                byte[] unpacked = stream.readAllBytes();
                assertTrue(refusal == null, "one way refused what the other reads");
                assertTrue(first == null || Arrays.equals(first, unpacked), "the two ways differ");
                first = unpacked;
            } catch (CorruptImageException refused) {
                assertTrue(first == null, "one way reads what the other refused: " + refused);
                refusal = refused;
            }
        }
        if (refusal != null) {
            throw refusal;
        }
        return Objects.requireNonNull(first);
    }
}
