package io.lamina.images.layer;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.images.testing.Programs;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memory does not grow with the layer: one of 10 GiB in a heap of 256 MiB, with as little outside it. */
final class LargeLayerTest {
    private static final int FILES = 10;
    private static final long FILE_BYTES = 1L << 30;

    @TempDir
    Path scratch;

    @Test
    @Tag("soak")
    void tenGibibytesConvertInASmallHeap() throws IOException, InterruptedException {
        String output = Programs.run(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:MaxDirectMemorySize=16m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                LargeLayerTest.class.getName(),
                scratch.toString());
        // The root, the files, and whole blocks of metadata behind whole blocks of data.
        assertEquals((FILES + 1) + " inodes in " + (((FILES * FILE_BYTES) >> 12) + 128) + " blocks\n", output);
    }

    /** What the child process does. */
    public static void main(String[] arguments) throws IOException {
        Path directory = Path.of(arguments[0]);
        try (InputStream tar = new LargeTar();
                FileChannel blob = FileChannel.open(directory.resolve("blob"), CREATE, READ, WRITE);
                FileChannel leaves = FileChannel.open(directory.resolve("leaves"), CREATE, READ, WRITE)) {
            ConvertedLayer layer = LayerConverter.convert(tar, blob, leaves);
            System.out.print(layer.inodes() + " inodes in " + layer.blocks() + " blocks\n");
        }
    }

    /** A tar of large files that is nowhere stored: a header, and the same mebibyte again and again. */
    private static final class LargeTar extends InputStream {
        private static final int PIECE_BYTES = 1 << 20;

        private final byte[] noise = new byte[PIECE_BYTES];
        private byte[] piece = new byte[0];
        private int at;
        private long left;
        private int file;

        LargeTar() {
            new SplittableRandom(10).nextBytes(noise);
        }

        @Override
        public int read(byte[] target, int offset, int length) {
            if (at == piece.length && !next()) {
                return -1;
            }
            int count = Math.min(length, piece.length - at);
            System.arraycopy(piece, at, target, offset, count);
            at += count;
            return count;
        }

        private boolean next() {
            if (left > 0) {
                piece = noise;
                left -= PIECE_BYTES;
            } else if (file < FILES) {
                piece = header("file-" + file++);
                left = FILE_BYTES;
            } else {
                return false;
            }
            at = 0;
            return true;
        }

        private static byte[] header(String name) {
            HeaderBlock block = new HeaderBlock('0');
            block.text(TarHeader.Field.NAME, name.getBytes(US_ASCII));
            block.octal(TarHeader.Field.MODE, 0644);
            block.octal(TarHeader.Field.SIZE, FILE_BYTES);
            return block.finished();
        }

        @Override
        public int read() {
            throw new UnsupportedOperationException("single bytes");
        }
    }
}
