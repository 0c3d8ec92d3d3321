package io.lamina.host.guestimage;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;

/** The compression of the initramfs. */
final class Compression {
    private Compression() {}

    static void compress(Path source, Path target) throws IOException {
        try (OutputStream out =
                new GZIPOutputStream(new BufferedOutputStream(Files.newOutputStream(target), 1 << 16), 1 << 16)) {
            Files.copy(source, out);
        }
    }
}
