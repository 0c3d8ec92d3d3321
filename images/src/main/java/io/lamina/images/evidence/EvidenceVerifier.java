package io.lamina.images.evidence;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.MeasuredStatement;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.TrustedKey;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Decides whether evidence shows that a guest, booted from what is expected, has measured one statement and nothing else.
 *
 * <p>All four parts are needed. Without the verifier's own nonce the quote can be an old one; without trust in the key it can
 * be anybody's; and without the boot's registers a false agent can extend the right digest.
 */
public final class EvidenceVerifier {
    /**
     * Registers that say what was booted (PC Client Platform Firmware Profile, "PCR Usage"): firmware, its drivers, the
     * unified kernel image, the state of secure boot, and the image's parts (systemd-stub).
     */
    public static final Set<Integer> BOOT_REGISTERS = Set.of(0, 2, 4, 7, 11);

    private EvidenceVerifier() {}

    /**
     * What a verifier expects.
     *
     * @param nonce what it asked the guest to sign; 16 bytes or more; not copied
     * @param attestationKey the TPM's key, as it was enrolled
     * @param boot values of all {@link #BOOT_REGISTERS}, and perhaps more
     * @param statementDigest sha256 of the statement's signed bytes
     */
    @SuppressWarnings("ArrayRecordComponent") // a carrier that lives within one call and is never compared
    public record Expectation(
            byte[] nonce, TrustedKey attestationKey, Map<Integer, Digest> boot, Digest statementDigest) {
        /** Shortest nonce, in bytes. */
        public static final int MIN_NONCE_BYTES = 16;

        /** Checks that nothing is left out. */
        public Expectation {
            boot = Map.copyOf(boot);
            if (nonce.length < MIN_NONCE_BYTES) {
                throw new IllegalArgumentException(
                        "a nonce of " + nonce.length + " bytes, at least " + MIN_NONCE_BYTES + " are needed");
            }
            if (!boot.keySet().containsAll(BOOT_REGISTERS)) {
                throw new IllegalArgumentException(
                        "boot registers " + boot.keySet() + ", all of " + BOOT_REGISTERS + " are needed");
            }
        }
    }

    /**
     * Verifies; the signature comes first, over raw bytes.
     *
     * @throws StatementRefusedException with one of the checks {@code evidence-signature}, {@code evidence-format},
     *     {@code evidence-nonce}, {@code evidence-registers}, {@code evidence-boot}, {@code evidence-log} and
     *     {@code evidence-statement}, tried in this order
     */
    public static void verify(Evidence evidence, Expectation expected) throws StatementRefusedException {
        checkSignature(evidence, expected.attestationKey);
        Attestation attestation;
        try {
            attestation = Attestation.parse(evidence.quote());
        } catch (CorruptImageException noQuote) {
            throw new StatementRefusedException(
                    "evidence-format", "a quote of sha256 registers", String.valueOf(noQuote.getMessage()));
        }
        checkNonce(attestation, expected.nonce);
        checkRegisters(evidence, attestation);
        checkBoot(evidence, expected.boot);
        checkLog(evidence);
        checkStatement(evidence.log(), expected.statementDigest);
    }

    private static void checkSignature(Evidence evidence, TrustedKey key) throws StatementRefusedException {
        if (!key.verifies(evidence.quote(), evidence.signature())) {
            throw new StatementRefusedException(
                    "evidence-signature", "a quote signed by " + key, "one that this key has not signed");
        }
    }

    private static void checkNonce(Attestation attestation, byte[] nonce) throws StatementRefusedException {
        if (!Arrays.equals(attestation.nonce(), nonce)) {
            HexFormat hex = HexFormat.of();
            throw new StatementRefusedException(
                    "evidence-nonce", hex.formatHex(nonce), hex.formatHex(attestation.nonce()));
        }
    }

    private static void checkRegisters(Evidence evidence, Attestation attestation) throws StatementRefusedException {
        MessageDigest sha256 = Digest.sha256();
        evidence.registers().values().forEach(value -> sha256.update(value.bytes()));
        Digest found = Digest.of(sha256.digest());
        if (!evidence.registers().keySet().equals(attestation.registers()) || !found.equals(attestation.digest())) {
            throw new StatementRefusedException(
                    "evidence-registers",
                    "values of the registers " + attestation.registers() + " with the digest " + attestation.digest(),
                    "those of " + evidence.registers().keySet() + " with " + found);
        }
    }

    private static void checkBoot(Evidence evidence, Map<Integer, Digest> boot) throws StatementRefusedException {
        for (Map.Entry<Integer, Digest> register : boot.entrySet()) {
            Digest found = evidence.registers().get(register.getKey());
            if (!register.getValue().equals(found)) {
                throw new StatementRefusedException(
                        "evidence-boot",
                        "register " + register.getKey() + " "
                                + register.getValue().hex(),
                        found == null ? "none" : found.hex());
            }
        }
    }

    private static void checkLog(Evidence evidence) throws StatementRefusedException {
        Digest replayed = Digest.of(new byte[Digest.BYTES]);
        for (Evidence.Event event : evidence.log()) {
            if (event.register() == MeasuredStatement.PCR) {
                replayed = MeasuredStatement.extend(replayed, event.digest());
            }
        }
        Digest found = evidence.registers().get(MeasuredStatement.PCR);
        if (!replayed.equals(found)) {
            throw new StatementRefusedException(
                    "evidence-log",
                    "register " + MeasuredStatement.PCR + " as the log makes it, " + replayed.hex(),
                    found == null ? "none" : found.hex());
        }
    }

    private static void checkStatement(List<Evidence.Event> log, Digest expected) throws StatementRefusedException {
        List<Evidence.Event> wanted =
                List.of(new Evidence.Event(MeasuredStatement.PCR, Evidence.STATEMENT_EVENT, expected));
        if (!log.equals(wanted)) {
            throw new StatementRefusedException(
                    "evidence-statement", "one measurement, of the statement " + expected, log.toString());
        }
    }
}
