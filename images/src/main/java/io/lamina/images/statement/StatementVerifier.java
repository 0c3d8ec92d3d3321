package io.lamina.images.statement;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonParser;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * Decides whether an envelope's statement can be trusted. Signatures come first: not a byte of the payload is looked
 * into before enough keys have signed it.
 */
public final class StatementVerifier {
    /** Largest envelope, in bytes. */
    public static final int MAX_ENVELOPE_BYTES = JsonParser.MAX_TEXT_BYTES;

    private StatementVerifier() {}

    /**
     * The statement that at least {@code threshold} of {@code keys} have signed. Each key counts once, however often it
     * signed; the key itself is compared, an envelope's {@code keyid} only says which key to try first. Validity is not
     * looked at: that is a question to a clock, see {@link ImageStatement#validity}.
     *
     * @param envelope a DSSE envelope; not changed
     * @param threshold 1 to the number of keys
     * @throws StatementRefusedException with one of the checks {@code statement-size}, {@code statement-envelope},
     *     {@code statement-signature}, {@code statement-payload-type}, {@code statement-format} and
     *     {@code statement-content}, tried in this order
     */
    public static ImageStatement verify(byte[] envelope, TrustedKeys keys, int threshold)
            throws StatementRefusedException {
        if (threshold < 1 || threshold > keys.keys().size()) {
            throw new IllegalArgumentException(
                    "a threshold of " + threshold + " with " + keys.keys().size() + " keys");
        }
        return StatementPayload.read(verifiedPayload(envelope, keys, threshold));
    }

    /** As {@link #verify}, up to the payload's own bytes. More may be asked for than there are keys: never enough. */
    static byte[] verifiedPayload(byte[] envelope, TrustedKeys keys, int threshold) throws StatementRefusedException {
        Envelope opened = open(envelope);
        checkSigners(opened, keys, threshold);
        checkPayloadType(opened);
        return opened.payload();
    }

    private static void checkSigners(Envelope envelope, TrustedKeys keys, int threshold)
            throws StatementRefusedException {
        int signers = countSigners(envelope, keys, threshold);
        if (signers < threshold) {
            throw new StatementRefusedException(
                    "statement-signature",
                    "valid signatures of " + threshold + " of " + keys.keys().size() + " trusted keys",
                    "those of " + signers + ", among " + envelope.signatures().size() + " signatures");
        }
    }

    /** The envelope in {@code bytes}, of which nothing is verified. */
    static Envelope open(byte[] bytes) throws StatementRefusedException {
        if (bytes.length > MAX_ENVELOPE_BYTES) {
            throw new StatementRefusedException(
                    "statement-size", "at most " + MAX_ENVELOPE_BYTES + " bytes", bytes.length + " bytes");
        }
        try {
            return Envelope.parse(bytes);
        } catch (CorruptImageException notAnEnvelope) {
            throw new StatementRefusedException(
                    "statement-envelope", "a DSSE envelope", String.valueOf(notAnEnvelope.getMessage()));
        }
    }

    static void checkPayloadType(Envelope envelope) throws StatementRefusedException {
        if (!envelope.payloadType().equals(StatementPayload.TYPE)) {
            throw new StatementRefusedException(
                    "statement-payload-type", StatementPayload.TYPE, envelope.payloadType());
        }
    }

    /** Counts different keys with a valid signature, up to {@code enough}. */
    private static int countSigners(Envelope envelope, TrustedKeys keys, int enough) {
        byte[] message = envelope.preAuthenticationEncoding();
        Set<TrustedKey> signers = new LinkedHashSet<>();
        for (Envelope.Signature signature : envelope.signatures()) {
            if (signers.size() == enough) {
                break;
            }
            findSigner(signature, message, keys, signers);
        }
        return signers.size();
    }

    private static void findSigner(
            Envelope.Signature signature, byte[] message, TrustedKeys keys, Set<TrustedKey> signers) {
        for (boolean hinted : new boolean[] {true, false}) {
            for (TrustedKey key : keys.keys()) {
                if (key.keyId().equals(signature.keyId()) == hinted
                        && !signers.contains(key)
                        && key.verifies(message, signature.value())) {
                    signers.add(key);
                    return;
                }
            }
        }
    }
}
