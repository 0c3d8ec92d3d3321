package io.lamina.host.run;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Which statement a guest is shown, and what its initdata says.
 *
 * @param key PEM file of the key that signs a statement made now; empty: the development key
 * @param statement the statement to show, an envelope; empty: one is made now
 * @param trust PEM files of the keys that the guest trusts; empty: the one that signs now
 * @param threshold how many of them must have signed
 * @param policy the guest's whole policy, in place of keys and threshold
 * @param evidence how the machine is measured, and what it is to show of it
 */
public record TrustOptions(
        Optional<Path> key,
        Optional<Path> statement,
        List<Path> trust,
        int threshold,
        Optional<Path> policy,
        Optional<EvidenceOptions> evidence) {
    /** A statement made now and signed with the development key, which the guest trusts. */
    public static final TrustOptions DEVELOPMENT =
            new TrustOptions(Optional.empty(), Optional.empty(), List.of(), 1, Optional.empty(), Optional.empty());

    /** Keeps a copy. */
    public TrustOptions {
        trust = List.copyOf(trust);
    }
}
