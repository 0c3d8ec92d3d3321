package io.lamina.images.statement;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.testing.Mutations;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class StatementVerifierTest {
    private final SigningKey ed25519 = SigningKey.generateEd25519();
    private final SigningKey ecdsa = SigningKey.generateEcdsaP256();

    @Test
    void aSignedStatementComesBackAsItWas() throws Exception {
        for (ImageStatement statement : List.of(Statements.sample(), Statements.statement(Statements.thisYear()))) {
            byte[] envelope = StatementSigner.sign(statement, List.of(ed25519, ecdsa));
            assertEquals(statement, StatementVerifier.verify(envelope, Statements.trust(ed25519), 1));
            assertEquals(statement, StatementVerifier.verify(envelope, Statements.trust(ecdsa), 1));
            assertEquals(statement, StatementVerifier.verify(envelope, Statements.trust(ed25519, ecdsa), 2));
        }
    }

    /** What is signed stays the same text for all time: guests of another version read it, and people audit it. */
    @Test
    void thePayloadIsThisText() {
        String expected = "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{"
                + "\"configDigest\":\"sha256:CONFIG\",\"formatVersion\":1,"
                + "\"fsmeta\":{\"blocks\":128,\"digest\":\"sha256:FSMETA\"},\"imageVersion\":7,\"layers\":["
                + "{\"blocks\":1024,\"diffId\":\"sha256:BASE\",\"verityRoot\":\"BASE_ROOT\"},"
                + "{\"blocks\":130,\"diffId\":\"sha256:TOP\",\"verityRoot\":\"TOP_ROOT\"}],"
                + "\"upperLayer\":\"memory\","
                + "\"validity\":{\"notAfter\":\"2026-12-31T23:59:59Z\",\"notBefore\":\"2026-01-01T00:00:00Z\"},"
                + "\"verity\":{\"dataBlockSize\":4096,\"dataBlocks\":1408,\"hashAlgorithm\":\"sha256\","
                + "\"hashBlockSize\":4096,\"hashStartBlock\":1408,\"hashType\":1,\"rootHash\":\"ROOT\","
                + "\"salt\":\"" + "0".repeat(64) + "\"}},"
                + "\"predicateType\":\"https://lamina.io/image-statement/v1\","
                + "\"subject\":[{\"digest\":{\"sha256\":\"MANIFEST\"},"
                + "\"name\":\"registry.example/team/böx:1.2\"}]}";
        for (String seed : List.of("base root", "top root", "manifest", "config", "fsmeta", "base", "top", "root")) {
            String mark = seed.toUpperCase(Locale.ROOT).replace(' ', '_');
            String hex = Statements.digest(seed).hex();
            expected = expected.replace(":" + mark + "\"", ":" + hex + "\"")
                    .replace("\"" + mark + "\"", "\"" + hex + "\"");
        }
        byte[] payload = StatementPayload.write(Statements.statement(Statements.thisYear()));
        assertEquals(expected, new String(payload, StandardCharsets.UTF_8));
    }

    @Test
    void ed25519EnvelopesAreTheSameEachTime() {
        assertArrayEquals(
                StatementSigner.sign(Statements.sample(), List.of(ed25519)),
                StatementSigner.sign(Statements.sample(), List.of(ed25519)));
    }

    @Test
    void aKeyCountsOnceHoweverOftenItSigned() {
        byte[] envelope = StatementSigner.sign(Statements.sample(), List.of(ecdsa, ecdsa, ecdsa));
        StatementRefusedException refusal = assertThrows(
                StatementRefusedException.class,
                () -> StatementVerifier.verify(envelope, Statements.trust(ed25519, ecdsa), 2));
        assertEquals("statement-signature", refusal.check());
        assertEquals("valid signatures of 2 of 2 trusted keys", refusal.expected());
        assertEquals("those of 1, among 3 signatures", refusal.found());
    }

    @Test
    void aKeyGivenTwiceUnderTwoTextsCountsOnce() throws Exception {
        byte[] pem = ecdsa.publicKey().orElseThrow().pem();
        byte[] other = ("a note\r\n" + new String(pem, StandardCharsets.US_ASCII).replace("\n", "\r\n"))
                .getBytes(StandardCharsets.US_ASCII);
        TrustedKeys keys = TrustedKeys.ofPem(List.of(pem, other));
        assertEquals(1, keys.keys().size());
        byte[] envelope = StatementSigner.sign(Statements.sample(), List.of(ecdsa, ecdsa));
        assertThrows(IllegalArgumentException.class, () -> StatementVerifier.verify(envelope, keys, 2));
    }

    @Test
    void theKeyIdIsOnlyAHint() throws Exception {
        byte[] envelope = StatementSigner.sign(Statements.sample(), List.of(ed25519, ecdsa));
        String own = ed25519.publicKey().orElseThrow().keyId();
        String others = ecdsa.publicKey().orElseThrow().keyId();
        byte[] exchanged = new String(envelope, StandardCharsets.UTF_8)
                .replace(own, "!")
                .replace(others, own)
                .replace("!", others)
                .getBytes(StandardCharsets.UTF_8);
        assertEquals(Statements.sample(), StatementVerifier.verify(exchanged, Statements.trust(ed25519, ecdsa), 2));
    }

    @Test
    void signersNeedNotShareAMachine() throws Exception {
        byte[] first = StatementSigner.sign(Statements.sample(), List.of(ed25519));
        byte[] both = StatementSigner.addSignatures(first, List.of(ecdsa));
        assertEquals(Statements.sample(), StatementVerifier.verify(both, Statements.trust(ed25519, ecdsa), 2));
    }

    @Test
    void anUntrustedKeyIsRefused() {
        byte[] envelope = StatementSigner.sign(Statements.sample(), List.of(SigningKey.generateEd25519()));
        refused("statement-signature", envelope);
    }

    @Test
    void anUnsignedEnvelopeIsRefused() {
        byte[] envelope =
                new Envelope(StatementPayload.TYPE, StatementPayload.write(Statements.sample()), List.of()).write();
        refused("statement-signature", envelope);
    }

    @Test
    void theSignatureIsCheckedBeforeTheTypeAndThePayload() {
        byte[] nonsense = "{".getBytes(StandardCharsets.UTF_8);
        Envelope unsigned = new Envelope("text/plain", nonsense, List.of());
        refused("statement-signature", unsigned.write());
        refused("statement-payload-type", sign(unsigned));
        refused("statement-format", sign(new Envelope(StatementPayload.TYPE, nonsense, List.of())));
    }

    @Test
    void anEnvelopeBeyondTheSizeIsRefused() {
        refused("statement-size", new byte[StatementVerifier.MAX_ENVELOPE_BYTES + 1]);
    }

    @Test
    void signedPayloadsThatBreakARuleAreRefused() {
        String good = new String(StatementPayload.write(Statements.sample()), StandardCharsets.UTF_8);
        assertPayloadRefused("statement-format", good, "\"hashType\":1", "\"hashType\":1,\"hashType\":1");
        assertPayloadRefused("statement-format", good, "\"hashType\":1", "\"hashType\":0");
        assertPayloadRefused("statement-format", good, "\"hashType\":1", "\"hashType\":1,\"more\":1");
        assertPayloadRefused("statement-format", good, "\"layers\":", "\"denyUpper\":true,\"layers\":");
        assertPayloadRefused("statement-format", good, "\"salt\":\"00", "\"salt\":\"01");
        assertPayloadRefused("statement-format", good, "\"salt\":\"00", "\"salt\":\"");
        assertPayloadRefused("statement-format", good, "\"dataBlocks\":1408", "\"dataBlocks\":1408.0");
        assertPayloadRefused("statement-format", good, "\"dataBlocks\":1408", "\"dataBlocks\":-1");
        assertPayloadRefused("statement-format", good, "\"upperLayer\":\"memory\"", "\"upperLayer\":\"host\"");
        assertPayloadRefused("statement-format", good, "\"rootHash\":", "\"rootHash\":null,\"was\":");
        assertPayloadRefused("statement-format", good, "Statement/v1", "Statement/v2");
        assertPayloadRefused("statement-content", good, "\"dataBlocks\":1408", "\"dataBlocks\":1407");
        assertPayloadRefused("statement-content", good, "\"dataBlocks\":1408", "\"dataBlocks\":1409");
        assertPayloadRefused("statement-content", good, "\"hashStartBlock\":1408", "\"hashStartBlock\":1407");
        assertPayloadRefused("statement-content", good, "\"dataBlockSize\":4096", "\"dataBlockSize\":1000");
        assertPayloadRefused("statement-content", good, "\"blocks\":1024", "\"blocks\":1099511627776");
        assertPayloadRefused("statement-content", good, "team/böx", "team/\\u001b[2J");
    }

    @Test
    void membersThatInTotoMayAddAreIgnored() throws Exception {
        String good = new String(StatementPayload.write(Statements.sample()), StandardCharsets.UTF_8);
        byte[] more = good.replace("\"_type\"", "\"annotations\":{\"a\":[1.5,null]},\"_type\"")
                .getBytes(StandardCharsets.UTF_8);
        byte[] envelope = sign(new Envelope(StatementPayload.TYPE, more, List.of()));
        assertEquals(Statements.sample(), StatementVerifier.verify(envelope, Statements.trust(ed25519), 1));
    }

    @Test
    void urlSafeBase64IsTaken() throws Exception {
        byte[] envelope = StatementSigner.sign(Statements.sample(), List.of(ed25519));
        String text = new String(envelope, StandardCharsets.UTF_8);
        String payload = text.substring(text.indexOf("payload\":\"") + 10);
        payload = payload.substring(0, payload.indexOf('"'));
        String urlSafe =
                Base64.getUrlEncoder().encodeToString(Base64.getDecoder().decode(payload));
        byte[] changed = text.replace(payload, urlSafe).getBytes(StandardCharsets.UTF_8);
        assertEquals(Statements.sample(), StatementVerifier.verify(changed, Statements.trust(ed25519), 1));
    }

    /** Without a key id every byte counts: what is changed is refused, by a check that has a name. */
    @Test
    void everyChangedByteIsRefused() throws Exception {
        SigningKey withoutId = SigningKey.ofPem(privateBlock(ed25519));
        byte[] envelope = StatementSigner.sign(Statements.sample(), List.of(withoutId));
        TrustedKeys keys = Statements.trust(ed25519);
        assertEquals(Statements.sample(), StatementVerifier.verify(envelope, keys, 1));
        for (int at = 0; at < envelope.length; at++) {
            for (int bit : new int[] {at % 8, (at + 5) % 8}) {
                byte[] changed = envelope.clone();
                changed[at] ^= (byte) (1 << bit);
                String where = "byte " + at + " bit " + bit;
                assertThrows(StatementRefusedException.class, () -> StatementVerifier.verify(changed, keys, 1), where);
            }
        }
    }

    @Test
    void everyTruncationIsRefused() {
        byte[] envelope = StatementSigner.sign(Statements.sample(), List.of(ed25519));
        for (int length = 0; length < envelope.length; length++) {
            refused("statement-envelope", Arrays.copyOf(envelope, length));
        }
    }

    @Test
    void mutatedEnvelopesAreRefusedOrSayTheSame() {
        byte[] envelope = StatementSigner.sign(Statements.sample(), List.of(ed25519));
        TrustedKeys keys = Statements.trust(ed25519);
        long seed = 0x5eed;
        Random random = new Random(seed);
        for (int round = 0; round < 20_000; round++) {
            byte[] mutated = Mutations.mutate(envelope, random);
            try {
                assertEquals(
                        Statements.sample(),
                        StatementVerifier.verify(mutated, keys, 1),
                        "seed " + seed + " round " + round);
            } catch (StatementRefusedException refusal) {
                assertTrue(refusal.check().startsWith("statement-"));
            }
        }
    }

    @Test
    void mutatedPayloadsAreReadOrRefused() {
        byte[] payload = StatementPayload.write(Statements.statement(Statements.thisYear()));
        long seed = 0x5eed;
        Random random = new Random(seed);
        int refused = 0;
        for (int round = 0; round < 20_000; round++) {
            byte[] mutated = Mutations.mutate(payload, random);
            try {
                StatementPayload.read(mutated);
            } catch (StatementRefusedException refusal) {
                refused++;
            } catch (RuntimeException | Error escaped) {
                throw new AssertionError("seed " + seed + " round " + round, escaped);
            }
        }
        assertTrue(refused > 10_000, refused + " refused");
    }

    private void assertPayloadRefused(String check, String good, String from, String to) {
        assertTrue(good.contains(from), from);
        byte[] changed = good.replace(from, to).getBytes(StandardCharsets.UTF_8);
        refused(check, sign(new Envelope(StatementPayload.TYPE, changed, List.of())));
    }

    private byte[] sign(Envelope envelope) {
        byte[] signature = ed25519.sign(envelope.preAuthenticationEncoding());
        return new Envelope(envelope.payloadType(), envelope.payload(), List.of(new Envelope.Signature("", signature)))
                .write();
    }

    private void refused(String check, byte[] envelope) {
        StatementRefusedException refusal = assertThrows(
                StatementRefusedException.class,
                () -> StatementVerifier.verify(envelope, Statements.trust(ed25519), 1));
        assertEquals(check, refusal.check(), refusal.getMessage());
    }

    private static byte[] privateBlock(SigningKey key) {
        String pem = new String(key.pem(), StandardCharsets.US_ASCII);
        return pem.substring(0, pem.indexOf("-----BEGIN PUBLIC")).getBytes(StandardCharsets.US_ASCII);
    }
}
