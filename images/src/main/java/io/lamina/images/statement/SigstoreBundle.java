package io.lamina.images.statement;

import io.lamina.images.CorruptImageException;
import java.nio.charset.StandardCharsets;

/**
 * A statement's envelope in the wrapping that {@code cosign verify-blob-attestation --bundle} reads
 * (https://github.com/sigstore/protobuf-specs/blob/v0.5.0/protos/sigstore_bundle.proto, as JSON). The blob that it attests is
 * the image's manifest. No transparency log has seen it: cosign wants to be told so with {@code --insecure-ignore-tlog}.
 */
public final class SigstoreBundle {
    private static final String MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

    private SigstoreBundle() {}

    /**
     * Wraps {@code envelope}; nothing is verified.
     *
     * @throws CorruptImageException if it is no envelope
     * @throws IllegalArgumentException if it has not exactly one signature, as a bundle must
     */
    public static byte[] of(byte[] envelope) throws CorruptImageException {
        Envelope parsed = Envelope.parse(envelope);
        if (parsed.signatures().size() != 1) {
            throw new IllegalArgumentException("a bundle takes one signature, and this statement has "
                    + parsed.signatures().size());
        }
        // The envelope in the one form that we write, within words that need no escape.
        String json = new String(parsed.write(), StandardCharsets.UTF_8);
        String bundle = "{\"dsseEnvelope\":" + json.strip() + ",\"mediaType\":\"" + MEDIA_TYPE
                + "\",\"verificationMaterial\":{\"publicKey\":{\"hint\":\"\"}}}";
        return bundle.getBytes(StandardCharsets.UTF_8);
    }
}
