package io.lamina.images.statement;

import io.lamina.images.oci.Digest;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.PublicKey;
import java.security.SignatureException;
import java.security.spec.InvalidKeySpecException;

/** A public key of a signer. Two instances are equal when they are the same key, whatever files they came from. */
public final class TrustedKey {
    private static final int ED25519_SIGNATURE_BYTES = 64;

    private final SignatureAlgorithm algorithm;
    private final PublicKey key;
    private final String keyId;

    private TrustedKey(SignatureAlgorithm algorithm, PublicKey key) {
        this.algorithm = algorithm;
        this.key = key;
        this.keyId = Digest.ofContent(key.getEncoded()).hex();
    }

    /** The key in {@code der}, a SubjectPublicKeyInfo (RFC 5280) of Ed25519 or of ECDSA over P-256. */
    static TrustedKey ofDer(byte[] der) throws InvalidKeySpecException {
        for (SignatureAlgorithm algorithm : SignatureAlgorithm.values()) {
            try {
                return new TrustedKey(algorithm, algorithm.publicKey(der));
            } catch (GeneralSecurityException otherKind) {
                // Another algorithm may know it; the error below says that none does.
            }
        }
        throw new InvalidKeySpecException("a public key that is neither Ed25519 nor ECDSA over P-256");
    }

    /**
     * The point of a P-256 key as a PEM block, such as a TPM names its keys.
     *
     * @throws IllegalArgumentException if it is no point of the curve
     */
    public static String pemOfP256(BigInteger x, BigInteger y) {
        try {
            byte[] der = SignatureAlgorithm.ECDSA_P256.encodedPoint(x, y);
            return new String(ofDer(der).pem(), StandardCharsets.US_ASCII);
        } catch (GeneralSecurityException noPoint) {
            throw new IllegalArgumentException("no point of P-256", noPoint);
        }
    }

    static TrustedKey of(SignatureAlgorithm algorithm, PublicKey key) {
        return new TrustedKey(algorithm, key);
    }

    /** Name of the key, made from the key itself: sha256 of its SubjectPublicKeyInfo, in hex. */
    public String keyId() {
        return keyId;
    }

    /** The key as a PEM block. */
    public byte[] pem() {
        return Pem.write(Pem.PUBLIC_KEY, key.getEncoded());
    }

    /** Whether {@code signature} is this key's over {@code message}. */
    public boolean verifies(byte[] message, byte[] signature) {
        if (algorithm == SignatureAlgorithm.ED25519 && signature.length != ED25519_SIGNATURE_BYTES) {
            return false;
        }
        try {
            java.security.Signature verifier = algorithm.signature();
            verifier.initVerify(key);
            verifier.update(message);
            return verifier.verify(signature);
        } catch (SignatureException malformed) {
            return false;
        } catch (GeneralSecurityException noSuchAlgorithm) {
            throw new IllegalStateException("this Java runtime lacks " + algorithm, noSuchAlgorithm);
        }
    }

    /** Goes through a verification whose answer is no, so that the next one finds everything at hand. */
    void rehearse() {
        boolean _ = verifies(new byte[0], algorithm.wrongSignature(key));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TrustedKey that && that.keyId.equals(keyId);
    }

    @Override
    public int hashCode() {
        return keyId.hashCode();
    }

    @Override
    public String toString() {
        return algorithm + " " + keyId;
    }
}
