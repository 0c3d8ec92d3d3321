package io.lamina.host.fleet;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.host.content.ContentStore;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
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
            Digest plain = digest(channel);
            return new PackedFile(
                    file,
                    new Descriptor(mediaType, Digest.of(sha256.digest()), Files.size(file), null, List.of()),
                    plain);
        } catch (IOException | RuntimeException failure) {
            Files.deleteIfExists(file);
            throw failure;
        }
    }

    private static Digest digest(FileChannel channel) throws IOException {
        MessageDigest sha256 = Digest.sha256();
        ByteBuffer piece = ByteBuffer.allocate(BUFFER_BYTES);
        for (long at = 0; channel.read(piece, at) > 0; piece.clear()) {
            at += piece.position();
            sha256.update(piece.flip());
        }
        return Digest.of(sha256.digest());
    }

    @Override
    public void close() throws IOException {
        Files.deleteIfExists(file);
    }
}
