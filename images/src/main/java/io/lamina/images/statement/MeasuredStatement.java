package io.lamina.images.statement;

import io.lamina.images.oci.Digest;
import java.security.MessageDigest;

/**
 * How a guest's TPM remembers a statement: its digest, extended into one register of the sha256 bank (TPM 2.0 Library,
 * part 1, "Extend of a PCR").
 */
public final class MeasuredStatement {
    /**
     * The register. It cannot be reset before the machine is (PC Client Platform TPM Profile, table "PCR attributes"), and
     * neither firmware nor the boot stub of a unified kernel image extends it.
     */
    public static final int PCR = 15;

    private MeasuredStatement() {}

    /** The register's value after a start and one measurement of {@code payloadDigest}. */
    public static Digest pcrAfter(Digest payloadDigest) {
        return extend(Digest.of(new byte[Digest.BYTES]), payloadDigest);
    }

    /** A register's value after {@code before} was extended with {@code event}. */
    public static Digest extend(Digest before, Digest event) {
        MessageDigest sha256 = Digest.sha256();
        sha256.update(before.bytes());
        sha256.update(event.bytes());
        return Digest.of(sha256.digest());
    }
}
