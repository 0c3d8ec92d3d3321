package io.lamina.host.run;

import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.TrustedKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.spec.InvalidKeySpecException;
import java.util.ArrayList;
import java.util.List;

/** Keys in PEM files, with the file's name in every failure. */
public final class KeyFiles {
    private static final long MAX_FILE_BYTES = 64 << 10;

    private KeyFiles() {}

    /** The private key in {@code file}. */
    public static SigningKey signing(Path file) throws IOException {
        try {
            return SigningKey.ofPem(read(file));
        } catch (InvalidKeySpecException unusable) {
            throw new IOException(file + ": " + unusable.getMessage(), unusable);
        }
    }

    /** The public keys in {@code files}, each once. */
    public static TrustedKeys trusted(List<Path> files) throws IOException {
        List<byte[]> pems = new ArrayList<>();
        for (Path file : files) {
            pems.add(read(file));
            try {
                TrustedKeys.ofPem(List.of(pems.getLast()));
            } catch (InvalidKeySpecException unusable) {
                throw new IOException(file + ": " + unusable.getMessage(), unusable);
            }
        }
        try {
            return TrustedKeys.ofPem(pems);
        } catch (InvalidKeySpecException tooMany) {
            throw new IOException(tooMany.getMessage(), tooMany);
        }
    }

    private static byte[] read(Path file) throws IOException {
        if (Files.size(file) > MAX_FILE_BYTES) {
            throw new IOException(file + " has " + Files.size(file) + " bytes, no key file has");
        }
        return Files.readAllBytes(file);
    }
}
