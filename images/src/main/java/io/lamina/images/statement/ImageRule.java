package io.lamina.images.statement;

import io.lamina.images.oci.Digest;
import java.util.Optional;

/**
 * Images that a guest may run. A validly signed other image is an attack too, and so is an older one.
 *
 * @param reference the only reference that matches, character by character; or any
 * @param manifestDigest the only manifest that matches; or any
 * @param minimumVersion the least {@link ImageStatement.Image#version}
 */
public record ImageRule(Optional<String> reference, Optional<Digest> manifestDigest, long minimumVersion) {
    /** Every image that is signed. */
    public static final ImageRule ANY = new ImageRule(Optional.empty(), Optional.empty(), 0);

    /** Checks the range. */
    public ImageRule {
        if (minimumVersion < 0) {
            throw new IllegalArgumentException("a minimum version of " + minimumVersion);
        }
    }

    /** Whether the rule is about {@code image}, whatever its version. */
    boolean isAbout(ImageStatement.Image image) {
        return (reference.isEmpty() || reference.get().equals(image.reference()))
                && (manifestDigest.isEmpty() || manifestDigest.get().equals(image.manifestDigest()));
    }

    /** What the rule asks for, in words. */
    @Override
    public String toString() {
        String which = reference.orElse("any reference")
                + manifestDigest.map(digest -> " with manifest " + digest).orElse("");
        return minimumVersion == 0 ? which : which + " of version " + minimumVersion + " or later";
    }
}
