package io.lamina.host.cli;

import io.lamina.images.oci.Digest;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import picocli.CommandLine.Option;

/** Where a command writes a tar: a file, which appears whole or not at all, or the standard output. */
final class TarTarget {
    private static final int BUFFER_BYTES = 256 << 10;

    @Option(
            names = "-o",
            paramLabel = "OUT.tar",
            required = true,
            description = "The tar to write, or - for standard output; nothing else is printed there then.")
    private String out = "";

    /** What makes the tar. */
    @FunctionalInterface
    interface Writing {
        void to(OutputStream tar) throws IOException;
    }

    String name() {
        return out;
    }

    /** Writes the tar and gives its digest. */
    String write(Writing writing) throws IOException {
        MessageDigest sha256 = Digest.sha256();
        if (isStandardOutput()) {
            OutputStream tar = new BufferedOutputStream(System.out, BUFFER_BYTES);
            writing.to(new DigestOutputStream(tar, sha256));
            tar.flush();
            if (System.out.checkError()) {
                throw new IOException("the standard output was closed before the tar's end");
            }
        } else {
            try (OutputFile file = OutputFile.to(Path.of(out))) {
                OutputStream tar = new BufferedOutputStream(Channels.newOutputStream(file.channel()), BUFFER_BYTES);
                writing.to(new DigestOutputStream(tar, sha256));
                tar.flush();
                file.publish();
            }
        }
        return Digest.of(sha256.digest()).toString();
    }

    void tell(Answer.Form form, Answer answer) {
        if (!isStandardOutput()) {
            form.print(answer);
        }
    }

    private boolean isStandardOutput() {
        return out.equals("-");
    }
}
