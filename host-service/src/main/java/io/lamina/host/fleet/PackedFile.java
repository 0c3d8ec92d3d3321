package io.lamina.host.fleet;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.host.content.ContentStore;
import io.lamina.images.hash.Sha256;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.List;

/**
 * A file in frames, on its way into a registry.
 *
 * @param file temporary
 * @param descriptor of the frames
 * @param plain digest of what they hold
 */
record PackedFile(Path file, Descriptor descriptor, Digest plain) implements AutoCloseable {
    private static final int BUFFER_BYTES = 256 << 10;

    static PackedFile of(ContentStore store, Path source, String mediaType) throws IOException {
        Path file = store.temporary();
        MessageDigest sha256 = Digest.sha256();
        try (FileChannel channel = FileChannel.open(source, READ);
                OutputStream out = new DigestOutputStream(
                        new BufferedOutputStream(Files.newOutputStream(file), BUFFER_BYTES), sha256)) {
            SeekableZstd.write(channel, out);
            out.flush();
            Sha256 plain = Sha256.create();
            plain.update(channel);
            return new PackedFile(
                    file,
                    new Descriptor(mediaType, Digest.of(sha256.digest()), Files.size(file), null, List.of()),
                    Digest.of(plain.digest()));
        } catch (IOException | RuntimeException failure) {
            Files.deleteIfExists(file);
            throw failure;
        }
    }

    @Override
    public void close() throws IOException {
        Files.deleteIfExists(file);
    }
}
