package io.lamina.images.statement;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.TreeMap;

/**
 * A DSSE envelope (secure-systems-lab/dsse, envelope.md and protocol.md at v1.0.2): bytes, their type and signatures
 * over both. What it holds is worth nothing until a signature is verified. Members that DSSE does not have are ignored,
 * as it asks.
 *
 * @param payloadType what the payload is
 * @param payload the signed bytes; not copied
 * @param signatures at most {@link #MAX_SIGNATURES}
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier that lives within one call and is never compared
record Envelope(String payloadType, byte[] payload, List<Signature> signatures) {
    /** Bounds the time that a hostile envelope can cost. */
    static final int MAX_SIGNATURES = 32;

    private static final int MAX_SIGNATURE_BYTES = 512;
    private static final int MAX_KEY_ID_CHARACTERS = 256;

    /**
     * One signature.
     *
     * @param keyId says which key may have made it; a hint that nothing rests on, empty if there is none
     * @param value what the signature algorithm gave; not copied
     */
    @SuppressWarnings("ArrayRecordComponent") // as above
    record Signature(String keyId, byte[] value) {}

    Envelope {
        signatures = List.copyOf(signatures);
    }

    /** Reads an envelope. */
    static Envelope parse(byte[] bytes) throws CorruptImageException {
        JsonObject envelope = JsonParser.parse("envelope", bytes).object();
        JsonValue signatureList = envelope.required("signatures");
        List<Signature> signatures = new ArrayList<>();
        for (JsonValue element : signatureList.array()) {
            if (signatures.size() == MAX_SIGNATURES) {
                throw signatureList.broken("has more than " + MAX_SIGNATURES + " elements");
            }
            JsonObject signature = element.object();
            String keyId = signature.string("keyid", "");
            JsonValue value = signature.required("sig");
            byte[] decoded = base64(value);
            if (keyId.length() > MAX_KEY_ID_CHARACTERS || decoded.length > MAX_SIGNATURE_BYTES) {
                throw element.broken("is larger than any signature");
            }
            signatures.add(new Signature(keyId, decoded));
        }
        return new Envelope(
                envelope.required("payloadType").string(), base64(envelope.required("payload")), signatures);
    }

    /** The envelope's bytes, in the one form of {@link JsonWriter}. */
    byte[] write() {
        List<Object> list = new ArrayList<>();
        for (Signature signature : signatures) {
            TreeMap<String, Object> members = new TreeMap<>();
            if (!signature.keyId.isEmpty()) {
                members.put("keyid", signature.keyId);
            }
            members.put("sig", Base64.getEncoder().encodeToString(signature.value));
            list.add(members);
        }
        TreeMap<String, Object> envelope = new TreeMap<>();
        envelope.put("payload", Base64.getEncoder().encodeToString(payload));
        envelope.put("payloadType", payloadType);
        envelope.put("signatures", list);
        return JsonWriter.write(envelope);
    }

    /** What is signed: DSSE's pre-authentication encoding of type and payload. */
    byte[] preAuthenticationEncoding() {
        byte[] type = payloadType.getBytes(StandardCharsets.UTF_8);
        String head = "DSSEv1 " + type.length + " " + payloadType + " " + payload.length + " ";
        byte[] headBytes = head.getBytes(StandardCharsets.UTF_8);
        byte[] result = Arrays.copyOf(headBytes, headBytes.length + payload.length);
        System.arraycopy(payload, 0, result, headBytes.length, payload.length);
        return result;
    }

    /** Both alphabets, as DSSE asks; but padded and with unused bits zero, so that one value has one text in each. */
    private static byte[] base64(JsonValue value) throws CorruptImageException {
        String text = value.string();
        boolean urlSafe = text.indexOf('-') >= 0 || text.indexOf('_') >= 0;
        try {
            byte[] decoded = (urlSafe ? Base64.getUrlDecoder() : Base64.getDecoder()).decode(text);
            Base64.Encoder encoder = urlSafe ? Base64.getUrlEncoder() : Base64.getEncoder();
            if (encoder.encodeToString(decoded).equals(text)) {
                return decoded;
            }
        } catch (IllegalArgumentException notBase64) {
            // Said below, with the place.
        }
        throw value.broken("is not base64 as RFC 4648 writes it");
    }
}
