package io.lamina.vmtests.attacks;

import io.lamina.images.oci.Digest;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.StatementPayload;
import io.lamina.images.statement.StatementSigner;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.TrustedKey;
import io.lamina.images.statement.TrustedKeys;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Whom guests under attack trust, and who else signs. */
final class Signers {
    final SigningKey release = SigningKey.generateEd25519();
    final SigningKey second = SigningKey.generateEcdsaP256();
    final SigningKey stranger = SigningKey.generateEd25519();

    byte[] signed(ImageStatement statement, SigningKey... keys) {
        return StatementSigner.sign(statement, List.of(keys));
    }

    /** A policy for the application, version 2 or later, signed by {@code threshold} of {@code keys}. */
    GuestPolicy policy(int threshold, SigningKey... keys) {
        return policy(threshold, TrustPolicy.Revocations.NONE, keys);
    }

    GuestPolicy policy(int threshold, TrustPolicy.Revocations revocations, SigningKey... keys) {
        List<TrustedKey> trusted = new ArrayList<>();
        for (SigningKey key : keys) {
            trusted.add(key.publicKey().orElseThrow());
        }
        ImageRule rule = new ImageRule(Optional.of(AttackImages.REFERENCE), Optional.empty(), 2);
        return GuestPolicy.standard(new TrustPolicy(new TrustedKeys(trusted), threshold, revocations, List.of(rule)));
    }

    static GuestPolicy confidential(GuestPolicy policy) {
        return new GuestPolicy(
                policy.trust(),
                GuestPolicy.Profile.CONFIDENTIAL,
                Set.of(),
                policy.onCorruption(),
                policy.mountOptions());
    }

    static TrustPolicy.Revocations revoked(SigningKey key) {
        return new TrustPolicy.Revocations(Set.of(key.publicKey().orElseThrow().keyId()), Set.of());
    }

    static TrustPolicy.Revocations revoked(ImageStatement statement) {
        return new TrustPolicy.Revocations(Set.of(), Set.of(Digest.ofContent(StatementPayload.write(statement))));
    }

    /** An envelope with a payload that no honest signer makes, signed by the trusted release key all the same. */
    byte[] forged(String payloadType, String payload) {
        byte[] bytes = payload.getBytes(StandardCharsets.UTF_8);
        byte[] head = ("DSSEv1 " + payloadType.length() + " " + payloadType + " " + bytes.length + " ")
                .getBytes(StandardCharsets.UTF_8);
        byte[] message = Arrays.copyOf(head, head.length + bytes.length);
        System.arraycopy(bytes, 0, message, head.length, bytes.length);
        try {
            Signature signer = Signature.getInstance("Ed25519");
            signer.initSign(key());
            signer.update(message);
            return envelope(payloadType, bytes, signer.sign()).getBytes(StandardCharsets.UTF_8);
        } catch (GeneralSecurityException impossible) {
            throw new AssertionError(impossible);
        }
    }

    static String envelope(String payloadType, byte[] payload, byte[] signature) {
        Base64.Encoder base64 = Base64.getEncoder();
        return "{\"payload\":\"" + base64.encodeToString(payload) + "\",\"payloadType\":\"" + payloadType
                + "\",\"signatures\":[{\"sig\":\"" + base64.encodeToString(signature) + "\"}]}";
    }

    private PrivateKey key() throws GeneralSecurityException {
        String pem = new String(release.pem(), StandardCharsets.US_ASCII);
        String body = pem.substring(pem.indexOf("KEY-----") + 8, pem.indexOf("-----END PRIVATE"));
        return KeyFactory.getInstance("Ed25519")
                .generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(body)));
    }
}
