package io.lamina.host.cli;

import io.lamina.images.statement.StatementVerifier;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Statements and policies as files. */
final class StatementFile {
    private StatementFile() {}

    /** Reads an envelope; nothing in it is verified. */
    static byte[] read(Path file) throws IOException {
        if (Files.size(file) > StatementVerifier.MAX_ENVELOPE_BYTES) {
            throw new IOException(file + " has " + Files.size(file) + " bytes, a statement has at most "
                    + StatementVerifier.MAX_ENVELOPE_BYTES);
        }
        return Files.readAllBytes(file);
    }

    /** Writes {@code content} to {@code target}, whole or not at all; without a target, to standard output. */
    static void write(@Nullable Path target, byte[] content) throws IOException {
        if (target == null) {
            System.out.write(content);
            System.out.println();
            return;
        }
        try (OutputFile file = OutputFile.to(target)) {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                file.channel().write(bytes);
            }
            file.publish();
        }
    }
}
