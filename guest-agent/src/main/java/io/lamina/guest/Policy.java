package io.lamina.guest;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.statement.TrustedKeys;
import java.util.Set;

/**
 * What this guest allows beyond what a statement says; the file {@code policy.json}. Unknown members are refused: a
 * guest that does not know a restriction must not run without it.
 *
 * @param threshold how many trusted keys must have signed a statement; 1 or more
 * @param allowIntegrityOff whether the host may ask for an image to be mounted without dm-verity
 */
record Policy(int threshold, boolean allowIntegrityOff) {
    /** For a guest without a policy file. */
    static final Policy STRICT = new Policy(1, false);

    private static final String THRESHOLD = "threshold";
    private static final String ALLOW_INTEGRITY_OFF = "allowIntegrityOff";

    /**
     * Reads a policy; members that are absent are those of {@link #STRICT}.
     *
     * @throws CorruptImageException if {@code json} is no such object
     */
    static Policy parse(byte[] json) throws CorruptImageException {
        JsonObject object = JsonParser.parse("policy.json", json).object();
        object.refuseUnknown(Set.of(THRESHOLD, ALLOW_INTEGRITY_OFF));
        JsonValue threshold = object.optional(THRESHOLD);
        JsonValue allowIntegrityOff = object.optional(ALLOW_INTEGRITY_OFF);
        return new Policy(
                threshold == null ? STRICT.threshold : (int) threshold.integer(1, TrustedKeys.MAX_KEYS),
                allowIntegrityOff == null ? STRICT.allowIntegrityOff : allowIntegrityOff.bool());
    }
}
