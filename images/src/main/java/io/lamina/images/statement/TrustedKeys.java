package io.lamina.images.statement;

import java.security.spec.InvalidKeySpecException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The keys whose word counts, each once.
 *
 * @param keys different keys, at most {@link #MAX_KEYS}, in the order they were given
 */
public record TrustedKeys(List<TrustedKey> keys) {
    /** Most keys; bounds the time that a hostile envelope can cost. */
    public static final int MAX_KEYS = 32;

    /** Drops what is there twice. */
    public TrustedKeys {
        keys = List.copyOf(new LinkedHashSet<>(keys));
        if (keys.size() > MAX_KEYS) {
            throw new IllegalArgumentException(keys.size() + " keys, at most " + MAX_KEYS);
        }
    }

    /**
     * The keys in these files, each with one or more blocks {@code PUBLIC KEY}. Blocks of another label are refused, so
     * that a private key given by mistake is noticed.
     *
     * @throws InvalidKeySpecException if a file has no key, or something that is no key for us
     */
    public static TrustedKeys ofPem(List<byte[]> files) throws InvalidKeySpecException {
        Set<TrustedKey> keys = new LinkedHashSet<>();
        for (byte[] file : files) {
            List<Pem.Block> blocks = Pem.parse(file);
            if (blocks.isEmpty()) {
                throw new InvalidKeySpecException("a key file without a PEM block");
            }
            for (Pem.Block block : blocks) {
                if (!block.label().equals(Pem.PUBLIC_KEY)) {
                    throw new InvalidKeySpecException("a PEM block that is no " + Pem.PUBLIC_KEY);
                }
                keys.add(TrustedKey.ofDer(block.der()));
            }
        }
        if (keys.size() > MAX_KEYS) {
            throw new InvalidKeySpecException(keys.size() + " keys, at most " + MAX_KEYS);
        }
        return new TrustedKeys(List.copyOf(keys));
    }
}
