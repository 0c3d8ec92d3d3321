package io.lamina.host.cli;

import io.lamina.images.oci.Digest;
import io.lamina.images.statement.StatementVerifier;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
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

    /**
     * As {@link #write}; with {@code --json} the answer says where it is and its digest, or, without a target, has it.
     *
     * @param more what else the answer has
     */
    static void write(@Nullable Path target, byte[] content, Answer.Form form, Answer more) throws IOException {
        if (target != null || !form.json()) {
            write(target, content);
        }
        if (form.json()) {
            more.withHidden("digest", Digest.ofContent(content).toString());
            form.print(
                    target == null
                            ? more.withHidden("content", new String(content, StandardCharsets.UTF_8))
                            : more.withHidden("file", target.toString()));
        }
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
