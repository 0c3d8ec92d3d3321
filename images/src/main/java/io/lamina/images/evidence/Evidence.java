package io.lamina.images.evidence;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a guest tells a verifier, as JSON.
 *
 * @param registers values of the sha256 bank's registers, by number
 * @param quote the structure that the TPM has signed, {@code TPMS_ATTEST}; not copied
 * @param signature ECDSA over it, in DER; not copied
 * @param attestationKey the public key that it says it is signed with, as PEM: for enrolment, never for verifying
 * @param log what the agent has extended, in its order
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier that lives within one call and is never compared
public record Evidence(
        SortedMap<Integer, Digest> registers, byte[] quote, byte[] signature, String attestationKey, List<Event> log) {
    /** The event of an image statement. */
    public static final String STATEMENT_EVENT = "lamina-image-statement";

    /** The event of an image manifest, for a guest that needs no statement. */
    public static final String MANIFEST_EVENT = "lamina-image-manifest";

    /** Registers of a bank (PC Client Platform TPM Profile). */
    static final int REGISTERS = 24;

    private static final int VERSION = 1;
    private static final int MAX_EVENTS = 64;

    /**
     * Something that was extended into a register.
     *
     * @param register which
     * @param kind what it is, such as {@link #STATEMENT_EVENT}
     * @param digest what the register was extended with
     */
    public record Event(int register, String kind, Digest digest) {}

    /** Keeps copies. */
    public Evidence {
        registers = new TreeMap<>(registers);
        log = List.copyOf(log);
    }

    /** The evidence as JSON, in the one form of {@link JsonWriter}. */
    public byte[] write() {
        Map<String, Object> values = new TreeMap<>();
        registers.forEach((register, value) -> values.put(register.toString(), value.hex()));
        List<Object> events = new ArrayList<>();
        for (Event event : log) {
            events.add(Map.of(
                    "register", event.register,
                    "kind", event.kind,
                    "digest", event.digest.toString()));
        }
        Base64.Encoder base64 = Base64.getEncoder();
        return JsonWriter.write(Map.of(
                "version", VERSION,
                "registers", values,
                "quote", base64.encodeToString(quote),
                "signature", base64.encodeToString(signature),
                "attestationKey", attestationKey,
                "log", events));
    }

    /**
     * Reads what {@link #write} wrote; nothing is verified.
     *
     * @throws CorruptImageException if it is none
     */
    public static Evidence parse(byte[] json) throws CorruptImageException {
        JsonObject evidence = JsonParser.parse("evidence", json).object();
        evidence.required("version").integer(VERSION, VERSION);
        JsonObject values = evidence.required("registers").object();
        SortedMap<Integer, Digest> registers = new TreeMap<>();
        for (String name : values.names()) {
            JsonValue value = values.required(name);
            if (!name.matches("0|[1-9][0-9]?") || Integer.parseInt(name) >= REGISTERS) {
                throw value.broken("is no register from 0 to " + (REGISTERS - 1));
            }
            registers.put(Integer.parseInt(name), Digest.parse("sha256:" + value.string()));
        }
        List<Event> log = new ArrayList<>();
        for (JsonValue element : evidence.required("log").array()) {
            if (log.size() == MAX_EVENTS) {
                throw element.broken("is one of more than " + MAX_EVENTS + " events");
            }
            JsonObject event = element.object();
            log.add(new Event(
                    (int) event.required("register").integer(0, REGISTERS - 1),
                    event.required("kind").string(),
                    Digest.parse(event.required("digest").string())));
        }
        return new Evidence(
                registers,
                bytes(evidence.required("quote")),
                bytes(evidence.required("signature")),
                evidence.required("attestationKey").string(),
                log);
    }

    private static byte[] bytes(JsonValue value) throws CorruptImageException {
        try {
            return Base64.getDecoder().decode(value.string());
        } catch (IllegalArgumentException notBase64) {
            throw value.broken("is no base64");
        }
    }
}
