package io.lamina.images.statement;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import java.util.ArrayList;
import java.util.List;

/** Puts statements into signed envelopes. With Ed25519 keys the same input gives the same bytes; ECDSA is random. */
public final class StatementSigner {
    private StatementSigner() {}

    /**
     * The envelope of {@code statement}, signed by each of {@code keys} in their order.
     *
     * @param keys 1 or more
     */
    public static byte[] sign(ImageStatement statement, List<SigningKey> keys) {
        return signed(new Envelope(StatementPayload.TYPE, StatementPayload.write(statement), List.of()), keys);
    }

    /** The envelope of {@code statement} without a signature: for signers elsewhere, see {@link #addSignatures}. */
    public static byte[] unsigned(ImageStatement statement) {
        return new Envelope(StatementPayload.TYPE, StatementPayload.write(statement), List.of()).write();
    }

    /**
     * {@code envelope} with the signatures of {@code keys} behind those it has; for signers who do not share a machine.
     * What it has already is kept as it is and not verified. The statement is read, so that nobody signs what is none.
     *
     * @throws StatementRefusedException if {@code envelope} is none, or holds no statement
     */
    public static byte[] addSignatures(byte[] envelope, List<SigningKey> keys) throws StatementRefusedException {
        Envelope before = StatementVerifier.open(envelope);
        StatementVerifier.checkPayloadType(before);
        StatementPayload.read(before.payload());
        return signed(before, keys);
    }

    /**
     * The statement within an envelope that nobody has verified; to show it, never to trust it.
     *
     * @throws StatementRefusedException if {@code envelope} is none, or holds no statement
     */
    public static ImageStatement readUnverified(byte[] envelope) throws StatementRefusedException {
        Envelope opened = StatementVerifier.open(envelope);
        StatementVerifier.checkPayloadType(opened);
        return StatementPayload.read(opened.payload());
    }

    /**
     * Sha256 of the bytes that are signed, whoever signed them: what a guest measures.
     *
     * @throws StatementRefusedException if {@code envelope} is none
     */
    public static Digest payloadDigest(byte[] envelope) throws StatementRefusedException {
        return Digest.ofContent(StatementVerifier.open(envelope).payload());
    }

    /**
     * Names of the keys that an envelope says it is signed with; nothing is verified.
     *
     * @throws StatementRefusedException if {@code envelope} is none
     */
    public static List<String> keyIds(byte[] envelope) throws StatementRefusedException {
        return StatementVerifier.open(envelope).signatures().stream()
                .map(Envelope.Signature::keyId)
                .toList();
    }

    private static byte[] signed(Envelope envelope, List<SigningKey> keys) {
        if (keys.isEmpty()) {
            throw new IllegalArgumentException("no key to sign with");
        }
        byte[] message = envelope.preAuthenticationEncoding();
        List<Envelope.Signature> signatures = new ArrayList<>(envelope.signatures());
        for (SigningKey key : keys) {
            String keyId = key.publicKey().map(TrustedKey::keyId).orElse("");
            signatures.add(new Envelope.Signature(keyId, key.sign(message)));
        }
        byte[] bytes = new Envelope(envelope.payloadType(), envelope.payload(), signatures).write();
        try {
            Envelope.parse(bytes);
        } catch (CorruptImageException beyondLimits) {
            throw new IllegalArgumentException("a statement that no verifier would take", beyondLimits);
        }
        return bytes;
    }
}
