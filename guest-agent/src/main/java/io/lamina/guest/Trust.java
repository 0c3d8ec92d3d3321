package io.lamina.guest;

import io.lamina.images.statement.TrustedKeys;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.spec.InvalidKeySpecException;
import java.util.ArrayList;
import java.util.List;

/**
 * Whom this guest believes, and what it allows: read from the initramfs, which is measured with the kernel, never from
 * a device or a message.
 *
 * @param keys whose signature counts
 * @param policy what is allowed beyond statements
 */
record Trust(TrustedKeys keys, Policy policy) {
    private static final String KEYS = "trust";
    private static final String POLICY = "policy.json";

    /** Far above 32 keys; keeps a wrong file from filling the memory. */
    private static final long MAX_FILE_BYTES = 64 << 10;

    /**
     * Reads {@code directory/trust/*.pem} and {@code directory/policy.json}; without the latter the policy is
     * {@link Policy#STRICT}.
     *
     * @throws RefusedException if there is no key, fewer keys than the policy's threshold, or a file that is no key
     */
    static Trust load(Path directory) throws IOException, RefusedException {
        Path policyFile = directory.resolve(POLICY);
        Policy policy = Files.exists(policyFile) ? Policy.parse(read(policyFile)) : Policy.STRICT;
        List<byte[]> files = new ArrayList<>();
        if (Files.isDirectory(directory.resolve(KEYS))) {
            try (DirectoryStream<Path> pems = Files.newDirectoryStream(directory.resolve(KEYS), "*.pem")) {
                for (Path pem : pems) {
                    files.add(read(pem));
                }
            }
        }
        TrustedKeys keys;
        try {
            keys = TrustedKeys.ofPem(files);
        } catch (InvalidKeySpecException notAKey) {
            throw new RefusedException(
                    "trusted-keys", "public keys in PEM files", String.valueOf(notAKey.getMessage()));
        }
        if (keys.keys().size() < policy.threshold()) {
            throw new RefusedException(
                    "trusted-keys",
                    "at least " + policy.threshold() + " keys in this guest's initramfs",
                    keys.keys().size() + " keys");
        }
        return new Trust(keys, policy);
    }

    private static byte[] read(Path file) throws IOException {
        if (Files.size(file) > MAX_FILE_BYTES) {
            throw new IOException(file + " has " + Files.size(file) + " bytes, at most " + MAX_FILE_BYTES);
        }
        return Files.readAllBytes(file);
    }
}
