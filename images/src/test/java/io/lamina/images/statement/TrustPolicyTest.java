package io.lamina.images.statement;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.images.testing.Mutations;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class TrustPolicyTest {
    private static final Optional<Instant> NO_CLOCK = Optional.empty();
    private static final String REFERENCE = Statements.sample().image().reference();

    private final SigningKey old = SigningKey.generateEd25519();
    private final SigningKey current = SigningKey.generateEcdsaP256();
    private final byte[] envelope = StatementSigner.sign(Statements.sample(), List.of(old, current));

    @Test
    void anImageThatARuleNamesIsAdmitted() throws Exception {
        for (ImageRule rule : List.of(
                ImageRule.ANY,
                rule(REFERENCE, 7),
                new ImageRule(
                        Optional.empty(),
                        Optional.of(Statements.sample().image().manifestDigest()),
                        0))) {
            TrustPolicy.Admitted admitted = policy(rule).admit(envelope, NO_CLOCK);
            assertEquals(Statements.sample(), admitted.statement());
            assertEquals(Digest.ofContent(StatementPayload.write(Statements.sample())), admitted.payloadDigest());
        }
    }

    @Test
    void anotherImageIsRefusedThoughItIsSigned() {
        StatementRefusedException refusal =
                refused("image-policy", policy(rule("registry.example/other", 0)), NO_CLOCK);
        assertEquals("registry.example/other", refusal.expected());
        assertTrue(refusal.found().startsWith(REFERENCE + " with manifest sha256:"), refusal.found());
        Digest other = Digest.ofContent(new byte[0]);
        refused("image-policy", policy(new ImageRule(Optional.of(REFERENCE), Optional.of(other), 0)), NO_CLOCK);
        refused("image-policy", policy(), NO_CLOCK);
    }

    @Test
    void anOlderImageIsRefusedThoughItIsSigned() {
        StatementRefusedException refusal = refused("image-version", policy(rule(REFERENCE, 8)), NO_CLOCK);
        assertEquals(REFERENCE + " of version 8 or later", refusal.expected());
        assertEquals(REFERENCE + " of version 7", refusal.found());
    }

    @Test
    void aRevokedKeyCountsNoMore() throws Exception {
        TrustedKeys keys = Statements.trust(old, current);
        Set<String> revoked = Set.of(old.publicKey().orElseThrow().keyId());
        TrustPolicy.Revocations revocations = new TrustPolicy.Revocations(revoked, Set.of());
        new TrustPolicy(keys, 1, revocations, List.of(ImageRule.ANY)).admit(envelope, NO_CLOCK);
        refused("statement-signature", new TrustPolicy(keys, 2, revocations, List.of(ImageRule.ANY)), NO_CLOCK);
        byte[] byOldAlone = StatementSigner.sign(Statements.sample(), List.of(old));
        assertThrows(
                StatementRefusedException.class,
                () -> new TrustPolicy(keys, 1, revocations, List.of(ImageRule.ANY)).admit(byOldAlone, NO_CLOCK));
    }

    @Test
    void aRevokedStatementIsRefusedWhoeverSignedIt() throws Exception {
        Digest digest = policy(ImageRule.ANY).admit(envelope, NO_CLOCK).payloadDigest();
        TrustPolicy policy = new TrustPolicy(
                Statements.trust(old, current),
                1,
                new TrustPolicy.Revocations(Set.of(), Set.of(digest)),
                List.of(ImageRule.ANY));
        refused("statement-revoked", policy, NO_CLOCK);
    }

    @Test
    void validityIsLookedAtWhereThereIsAClock() throws Exception {
        byte[] limited = StatementSigner.sign(Statements.statement(Statements.thisYear()), List.of(old));
        TrustPolicy policy = policy(ImageRule.ANY);
        policy.admit(limited, NO_CLOCK);
        policy.admit(limited, Optional.of(Instant.parse("2026-12-31T23:59:59Z")));
        for (String outside : List.of("2025-12-31T23:59:59Z", "2027-01-01T00:00:00Z")) {
            StatementRefusedException refusal = assertThrows(
                    StatementRefusedException.class, () -> policy.admit(limited, Optional.of(Instant.parse(outside))));
            assertEquals("statement-validity", refusal.check());
            assertEquals("2026-01-01T00:00:00Z to 2026-12-31T23:59:59Z", refusal.expected());
        }
    }

    @Test
    void aPolicyIsReadAsItWasWritten() throws Exception {
        TrustPolicy policy = new TrustPolicy(
                Statements.trust(old, current),
                2,
                new TrustPolicy.Revocations(
                        Set.of(current.publicKey().orElseThrow().keyId()), Set.of(Statements.digest("gone"))),
                List.of(
                        ImageRule.ANY,
                        rule(REFERENCE, 3),
                        new ImageRule(Optional.empty(), Optional.of(Statements.digest("manifest")), 0)));
        TrustPolicy again = TrustPolicy.parse(policy.write());
        assertEquals(policy, again);
        assertArrayEquals(policy.write(), again.write());
    }

    @Test
    void policiesThatCouldMeanMoreThanTheySayAreRefused() {
        String good = new String(policy(rule(REFERENCE, 3)).write(), StandardCharsets.UTF_8);
        for (String[] change : new String[][] {
            {"\"threshold\":1", "\"threshold\":0"},
            {"\"threshold\":1", "\"threshold\":3"},
            {"\"threshold\":1", "\"threshold\":1,\"denyExec\":true"},
            {"\"reference\":\"" + REFERENCE + "\"", "\"any\":false"},
            {",\"reference\":\"" + REFERENCE + "\"", ""},
            {"\"minimumVersion\":3", "\"minimumVersion\":3,\"any\":true"},
            {"\"minimumVersion\":3", "\"minimumVersion\":-3"},
            {"\"minimumVersion\":3", "\"minVersion\":3"},
            {"\"version\":1", "\"version\":2"},
            {"\"keys\":[", "\"keys\":[\"no key\","},
            {"\"images\":", "\"image\":"},
        }) {
            String changed = good.replace(change[0], change[1]);
            assertNotEquals(good, changed, change[0]);
            assertThrows(
                    CorruptImageException.class,
                    () -> TrustPolicy.parse(changed.getBytes(StandardCharsets.UTF_8)),
                    changed);
        }
    }

    @Test
    void mutatedPoliciesAreReadOrRefused() {
        byte[] original = new TrustPolicy(
                        Statements.trust(old), 1, TrustPolicy.Revocations.NONE, List.of(rule(REFERENCE, 3)))
                .write();
        long seed = 0x901;
        Random random = new Random(seed);
        for (int round = 0; round < 20_000; round++) {
            try {
                TrustPolicy.parse(Mutations.mutate(original, random));
            } catch (CorruptImageException refusal) {
                // As it should be.
            } catch (RuntimeException | Error escaped) {
                throw new AssertionError("seed " + seed + " round " + round, escaped);
            }
        }
    }

    private StatementRefusedException refused(String check, TrustPolicy policy, Optional<Instant> now) {
        StatementRefusedException refusal =
                assertThrows(StatementRefusedException.class, () -> policy.admit(envelope, now));
        assertEquals(check, refusal.check(), refusal.getMessage());
        return refusal;
    }

    private TrustPolicy policy(ImageRule... rules) {
        return new TrustPolicy(Statements.trust(old, current), 1, TrustPolicy.Revocations.NONE, List.of(rules));
    }

    private static ImageRule rule(String reference, long minimumVersion) {
        return new ImageRule(Optional.of(reference), Optional.empty(), minimumVersion);
    }
}
