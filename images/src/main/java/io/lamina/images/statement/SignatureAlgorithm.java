package io.lamina.images.statement;

import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.EdECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.EdECPublicKeySpec;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.NamedParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;

/** The two ways in which statements are signed. The names of Java's security providers are written here only. */
enum SignatureAlgorithm {
    /** RFC 8032; a signature has 64 bytes and depends on key and message alone. */
    ED25519("Ed25519", "Ed25519"),
    /** FIPS 186-5 with sha256; a signature is DER and holds a random number. */
    ECDSA_P256("EC", "SHA256withECDSA");

    /** Ed25519's field, 2^255 - 19: a y from it upwards would be a second text of some other key. */
    private static final BigInteger ED25519_FIELD = BigInteger.TWO.pow(255).subtract(BigInteger.valueOf(19));

    private static final int ED25519_POINT_BYTES = 32;

    private final String keyName;
    private final String signatureName;

    SignatureAlgorithm(String keyName, String signatureName) {
        this.keyName = keyName;
        this.signatureName = signatureName;
    }

    /** A signature of this form that is of nothing: verifying it takes every step and ends in a no. */
    byte[] wrongSignature(PublicKey key) {
        return switch (this) {
            case ED25519 -> {
                // The key's own point for R, which ends its encoding, and 1 for S.
                byte[] der = key.getEncoded();
                byte[] signature =
                        Arrays.copyOfRange(der, der.length - ED25519_POINT_BYTES, der.length + ED25519_POINT_BYTES);
                signature[ED25519_POINT_BYTES] = 1;
                yield signature;
            }
            // SEQUENCE of INTEGER 1 and INTEGER 1.
            case ECDSA_P256 -> new byte[] {0x30, 6, 2, 1, 1, 2, 1, 1};
        };
    }

    KeyFactory keyFactory() throws GeneralSecurityException {
        return KeyFactory.getInstance(keyName);
    }

    java.security.Signature signature() throws GeneralSecurityException {
        return java.security.Signature.getInstance(signatureName);
    }

    /** The public key in {@code der}, a SubjectPublicKeyInfo, made anew so that one key has one encoding. */
    PublicKey publicKey(byte[] der) throws GeneralSecurityException {
        PublicKey key = keyFactory().generatePublic(new X509EncodedKeySpec(der));
        PublicKey canonical = switch (this) {
            case ED25519 -> {
                EdECPublicKey edwards = (EdECPublicKey) key;
                if (edwards.getPoint().getY().compareTo(ED25519_FIELD) >= 0) {
                    throw new InvalidKeySpecException("an Ed25519 key that is not in its one canonical form");
                }
                yield keyFactory()
                        .generatePublic(new EdECPublicKeySpec(NamedParameterSpec.ED25519, edwards.getPoint()));
            }
            case ECDSA_P256 -> {
                ECPublicKey elliptic = (ECPublicKey) key;
                checkP256(elliptic.getParams());
                yield keyFactory().generatePublic(new ECPublicKeySpec(elliptic.getW(), p256()));
            }
        };
        signature().initVerify(canonical); // refuses a point that is not on the curve
        return canonical;
    }

    /** A point of P-256 as SubjectPublicKeyInfo. */
    byte[] encodedPoint(BigInteger x, BigInteger y) throws GeneralSecurityException {
        return keyFactory()
                .generatePublic(new ECPublicKeySpec(new ECPoint(x, y), p256()))
                .getEncoded();
    }

    /** The private key in {@code der}, a PKCS#8 PrivateKeyInfo. */
    java.security.PrivateKey privateKey(byte[] der) throws GeneralSecurityException {
        java.security.PrivateKey key = keyFactory().generatePrivate(new PKCS8EncodedKeySpec(der));
        if (key instanceof java.security.interfaces.ECPrivateKey elliptic) {
            checkP256(elliptic.getParams());
        }
        return key;
    }

    private static void checkP256(ECParameterSpec found) throws GeneralSecurityException {
        ECParameterSpec p256 = p256();
        if (!found.getCurve().equals(p256.getCurve())
                || !found.getGenerator().equals(p256.getGenerator())
                || !found.getOrder().equals(p256.getOrder())
                || found.getCofactor() != p256.getCofactor()) {
            throw new InvalidKeySpecException("an elliptic curve other than P-256");
        }
    }

    private static ECParameterSpec p256() throws GeneralSecurityException {
        AlgorithmParameters parameters = AlgorithmParameters.getInstance("EC");
        parameters.init(new ECGenParameterSpec("secp256r1"));
        return parameters.getParameterSpec(ECParameterSpec.class);
    }
}
