package io.lamina.host.run;

import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.TrustedKey;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The key that signs a run's statement.
 *
 * @param key its private half
 * @param ofTheUser false: the development key, which this host made for itself and could sign anything with
 */
record SigningKeys(SigningKey key, boolean ofTheUser) {
    private static final String DEVELOPMENT_KEY = "development-key.pem";

    /** The user's key, or the development key of {@code home}, which is made when it is first asked for. */
    static SigningKeys find(Optional<Path> file, Path home) throws IOException {
        if (file.isPresent()) {
            return new SigningKeys(load(file.get()), true);
        }
        Path development = home.resolve(DEVELOPMENT_KEY);
        if (Files.notExists(development)) {
            Files.createDirectories(home);
            try {
                SigningKey.generateEd25519().store(development);
            } catch (FileAlreadyExistsException raced) {
                // Another first run made it; its key serves as well.
            }
        }
        return new SigningKeys(load(development), false);
    }

    /** What to call it in a message. */
    String name() {
        return ofTheUser ? "your key" : "the development key";
    }

    /** The public half, for the guest to trust. */
    TrustedKey publicKey() {
        return key.publicKey().orElseThrow();
    }

    private static SigningKey load(Path file) throws IOException {
        SigningKey key = KeyFiles.signing(file);
        if (key.publicKey().isEmpty()) {
            throw new IOException(file + " has a private key alone; append its public key: openssl pkey -in " + file
                    + " -pubout >> " + file);
        }
        return key;
    }
}
