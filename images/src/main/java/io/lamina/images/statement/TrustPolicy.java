package io.lamina.images.statement;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import java.nio.charset.StandardCharsets;
import java.security.spec.InvalidKeySpecException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Whom a guest trusts, and for which images. It comes with what is measured of the guest, never from its host.
 *
 * <p>Keys are changed by trusting the old and the new one for a while; one that is lost or stolen is revoked. A
 * threshold that the remaining keys cannot reach refuses everything.
 *
 * @param keys the keys whose signatures count
 * @param threshold how many of them must have signed
 * @param revocations what counts no more
 * @param images which images may run; an image must match one rule
 */
public record TrustPolicy(TrustedKeys keys, int threshold, Revocations revocations, List<ImageRule> images) {
    private static final int VERSION = 1;
    private static final Set<String> MEMBERS =
            Set.of("version", "keys", "threshold", "revokedKeys", "revokedStatements", "images");

    /**
     * What was trusted once and is no more.
     *
     * @param keyIds keys, by {@link TrustedKey#keyId}
     * @param statements statements, by sha256 of the payload that was signed
     */
    public record Revocations(Set<String> keyIds, Set<Digest> statements) {
        /** Nothing. */
        public static final Revocations NONE = new Revocations(Set.of(), Set.of());

        /** Keeps copies. */
        public Revocations {
            keyIds = Set.copyOf(keyIds);
            statements = Set.copyOf(statements);
        }
    }

    /**
     * A statement that passed.
     *
     * @param statement what it says
     * @param payloadDigest sha256 of the bytes that were signed: what a guest measures, whoever signed
     */
    public record Admitted(ImageStatement statement, Digest payloadDigest) {}

    /** Checks that the threshold lies within the number of keys. */
    public TrustPolicy {
        images = List.copyOf(images);
        if (threshold < 1 || threshold > keys.keys().size()) {
            throw new IllegalArgumentException(
                    "a threshold of " + threshold + " with " + keys.keys().size() + " keys");
        }
    }

    /**
     * Decides whether a guest may run what {@code envelope} states.
     *
     * @param now the time, or empty where no clock is trusted: then validity is not looked at
     * @throws StatementRefusedException with the checks of {@link StatementVerifier#verify}, then
     *     {@code statement-revoked}, {@code statement-validity}, {@code image-policy} and {@code image-version}
     */
    public Admitted admit(byte[] envelope, Optional<Instant> now) throws StatementRefusedException {
        TrustedKeys current = new TrustedKeys(
                keys.keys().stream().filter(key -> !isRevoked(key)).toList());
        byte[] payload = StatementVerifier.verifiedPayload(envelope, current, threshold);
        Digest payloadDigest = Digest.ofContent(payload);
        checkRevoked(payloadDigest);
        ImageStatement statement = StatementPayload.read(payload);
        checkValidity(statement.validity(), now);
        checkImage(statement.image());
        checkVersion(statement.image());
        return new Admitted(statement, payloadDigest);
    }

    /**
     * Decides whether a guest may run the image with this manifest on the policy's word alone, without a statement: a rule
     * has to name the manifest.
     *
     * @throws StatementRefusedException with the check {@code manifest-digest}
     */
    public void admitManifest(Digest manifestDigest) throws StatementRefusedException {
        if (images.stream().noneMatch(rule -> rule.manifestDigest().equals(Optional.of(manifestDigest)))) {
            throw new StatementRefusedException("manifest-digest", inWords(images), manifestDigest.toString());
        }
    }

    /**
     * Verifies a signature that is none with the first key, so that classes are linked and providers are found before the
     * first one that counts. Changes nothing.
     */
    public void rehearse() {
        keys.keys().getFirst().rehearse();
    }

    private boolean isRevoked(TrustedKey key) {
        return revocations.keyIds.contains(key.keyId());
    }

    private void checkRevoked(Digest payloadDigest) throws StatementRefusedException {
        if (revocations.statements.contains(payloadDigest)) {
            throw new StatementRefusedException(
                    "statement-revoked", "a statement that still counts", payloadDigest.toString());
        }
    }

    private static void checkValidity(Validity validity, Optional<Instant> now) throws StatementRefusedException {
        if (now.isPresent() && !validity.covers(now.get())) {
            throw new StatementRefusedException(
                    "statement-validity", String.valueOf(validity), String.valueOf(now.get()));
        }
    }

    private void checkImage(ImageStatement.Image image) throws StatementRefusedException {
        if (images.stream().noneMatch(rule -> rule.isAbout(image))) {
            throw new StatementRefusedException(
                    "image-policy", inWords(images), image.reference() + " with manifest " + image.manifestDigest());
        }
    }

    private void checkVersion(ImageStatement.Image image) throws StatementRefusedException {
        List<ImageRule> about =
                images.stream().filter(rule -> rule.isAbout(image)).toList();
        if (about.stream().noneMatch(rule -> image.version() >= rule.minimumVersion())) {
            throw new StatementRefusedException(
                    "image-version", inWords(about), image.reference() + " of version " + image.version());
        }
    }

    private static String inWords(List<ImageRule> rules) {
        return rules.isEmpty()
                ? "no image at all"
                : rules.stream().map(ImageRule::toString).collect(Collectors.joining(", or "));
    }

    /** The policy as JSON, in the one form of {@link JsonWriter}. */
    public byte[] write() {
        return JsonWriter.write(members());
    }

    /** The members of {@link #write}'s object, to stand in another one. */
    Map<String, Object> members() {
        Map<String, Object> policy = new TreeMap<>();
        policy.put("version", VERSION);
        policy.put(
                "keys",
                keys.keys().stream()
                        .map(key -> new String(key.pem(), StandardCharsets.US_ASCII))
                        .toList());
        policy.put("threshold", threshold);
        policy.put("revokedKeys", List.copyOf(new TreeSet<>(revocations.keyIds)));
        policy.put(
                "revokedStatements",
                new TreeSet<>(revocations.statements)
                        .stream().map(Digest::toString).toList());
        List<Object> rules = new ArrayList<>();
        for (ImageRule rule : images) {
            Map<String, Object> members = new TreeMap<>();
            rule.reference().ifPresent(reference -> members.put("reference", reference));
            rule.manifestDigest().ifPresent(digest -> members.put("manifestDigest", digest.toString()));
            if (members.isEmpty()) {
                members.put("any", true);
            }
            members.put("minimumVersion", rule.minimumVersion());
            rules.add(members);
        }
        policy.put("images", rules);
        return policy;
    }

    /**
     * Reads a policy. Unknown members are refused, as one may be a restriction; so is a rule that names nothing and does
     * not say {@code "any":true}.
     *
     * @throws CorruptImageException if it is none
     */
    public static TrustPolicy parse(byte[] json) throws CorruptImageException {
        return of(JsonParser.parse("trust policy", json).object());
    }

    /** As {@link #parse}, of an object within another one. */
    static TrustPolicy of(JsonObject policy) throws CorruptImageException {
        policy.refuseUnknown(MEMBERS);
        policy.required("version").integer(VERSION, VERSION);
        JsonValue keyList = policy.required("keys");
        TrustedKeys keys = keys(keyList);
        List<ImageRule> rules = new ArrayList<>();
        for (JsonValue rule : policy.required("images").array()) {
            rules.add(rule(rule));
        }
        Set<String> revokedKeys = new TreeSet<>();
        for (JsonValue keyId : policy.array("revokedKeys")) {
            revokedKeys.add(Digest.parse("sha256:" + keyId.string()).hex());
        }
        Set<Digest> revokedStatements = new TreeSet<>();
        for (JsonValue digest : policy.array("revokedStatements")) {
            revokedStatements.add(Digest.parse(digest.string()));
        }
        return new TrustPolicy(
                keys,
                (int) policy.required("threshold").integer(1, keys.keys().size()),
                new Revocations(revokedKeys, revokedStatements),
                rules);
    }

    private static TrustedKeys keys(JsonValue list) throws CorruptImageException {
        List<byte[]> pems = new ArrayList<>();
        for (JsonValue pem : list.array()) {
            pems.add(pem.string().getBytes(StandardCharsets.UTF_8));
        }
        try {
            TrustedKeys keys = TrustedKeys.ofPem(pems);
            if (!keys.keys().isEmpty()) {
                return keys;
            }
        } catch (InvalidKeySpecException noKey) {
            throw list.broken(String.valueOf(noKey.getMessage()));
        }
        throw list.broken("is empty");
    }

    private static ImageRule rule(JsonValue value) throws CorruptImageException {
        JsonObject rule = value.object();
        rule.refuseUnknown(Set.of("any", "reference", "manifestDigest", "minimumVersion"));
        JsonValue any = rule.optional("any");
        JsonValue reference = rule.optional("reference");
        JsonValue manifest = rule.optional("manifestDigest");
        boolean named = reference != null || manifest != null;
        if (named ? any != null : any == null || !any.bool()) {
            throw value.broken("names a reference, a manifestDigest or both, or says \"any\":true");
        }
        JsonValue version = rule.optional("minimumVersion");
        return new ImageRule(
                reference == null ? Optional.empty() : Optional.of(reference.string()),
                manifest == null ? Optional.empty() : Optional.of(Digest.parse(manifest.string())),
                version == null ? 0 : version.integer(0, Long.MAX_VALUE));
    }
}
