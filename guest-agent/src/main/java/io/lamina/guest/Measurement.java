package io.lamina.guest;

import io.lamina.images.evidence.Evidence;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.MeasuredStatement;
import io.lamina.images.statement.TrustedKey;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.math.BigInteger;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.stream.IntStream;

/** Tells the machine's registers, before the container starts, which statement it was that passed. */
final class Measurement {
    /** All registers that a reset alone can clear. */
    private static final List<Integer> REGISTERS =
            IntStream.rangeClosed(0, MeasuredStatement.PCR).boxed().toList();

    private Measurement() {}

    /**
     * Extends {@code event} into what this machine has: a TPM, the fourth RTMR of a TDX module, or nothing.
     *
     * @param dev where device nodes are
     * @param sysfs where sysfs is mounted
     * @param nonce the verifier's; empty: nothing is quoted
     * @return what the TPM says of it
     */
    static Optional<Evidence> of(Evidence.Event event, Path dev, Path sysfs, byte[] nonce) throws IOException {
        Rtmr.extend(sysfs, event.digest());
        Path node = dev.resolve("tpm0");
        if (Files.notExists(node)) {
            return Optional.empty();
        }
        try (RandomAccessFile device = new RandomAccessFile(node.toFile(), "rw")) {
            Tpm tpm = new Tpm(new FileInputStream(device.getFD()), new FileOutputStream(device.getFD()));
            return measure(tpm, event, nonce);
        } catch (BufferUnderflowException | IllegalArgumentException cut) {
            throw new IOException("the TPM's answer ends too early", cut);
        }
    }

    static Optional<Evidence> measure(Tpm tpm, Evidence.Event event, byte[] nonce) throws IOException {
        tpm.extend(event.register(), event.digest());
        if (nonce.length == 0) {
            return Optional.empty();
        }
        Tpm.Key key = tpm.attestationKey();
        SortedMap<Integer, Digest> registers = tpm.read(REGISTERS);
        Tpm.Quote quote = tpm.quote(key, nonce, REGISTERS);
        return Optional.of(new Evidence(
                registers,
                quote.attestation(),
                signature(quote.r(), quote.s()),
                TrustedKey.pemOfP256(new BigInteger(1, key.x()), new BigInteger(1, key.y())),
                List.of(event)));
    }

    /** {@code SEQUENCE { INTEGER r, INTEGER s }} in DER (RFC 3279, 2.2.3). */
    private static byte[] signature(byte[] r, byte[] s) {
        byte[] first = new BigInteger(1, r).toByteArray();
        byte[] second = new BigInteger(1, s).toByteArray();
        int length = first.length + second.length + 4;
        return ByteBuffer.allocate(2 + length)
                .put((byte) 0x30)
                .put((byte) length)
                .put((byte) 2)
                .put((byte) first.length)
                .put(first)
                .put((byte) 2)
                .put((byte) second.length)
                .put(second)
                .array();
    }
}
