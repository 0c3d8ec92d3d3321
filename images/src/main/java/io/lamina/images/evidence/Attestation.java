package io.lamina.images.evidence;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What a TPM signs when it quotes registers: {@code TPMS_ATTEST} of type {@code TPM_ST_ATTEST_QUOTE} (TPM 2.0 Library, part
 * 2, "TPMS_ATTEST"), big-endian.
 *
 * <pre>
 * u32 magic   u16 type   2B qualifiedSigner   2B extraData   clockInfo (17 bytes)   u64 firmwareVersion
 * u32 count=1   u16 hash   u8 size=3   3 bytes of register bits   2B digest of the registers
 * </pre>
 *
 * where {@code 2B} is a u16 length and that many bytes.
 *
 * @param nonce the verifier's, {@code extraData}; not copied
 * @param registers which registers of the sha256 bank
 * @param digest sha256 of their values, in order
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier that lives within one call and is never compared
record Attestation(byte[] nonce, SortedSet<Integer> registers, Digest digest) {
    /** Says that the TPM itself made the structure: it signs nothing else that begins so. */
    private static final int TPM_GENERATED_VALUE = 0xff544347;

    private static final int TPM_ST_ATTEST_QUOTE = 0x8018;
    private static final int TPM_ALG_SHA256 = 0x000b;
    private static final int CLOCK_INFO_BYTES = 17;
    private static final int SELECTION_BYTES = 3;

    static Attestation parse(byte[] structure) throws CorruptImageException {
        ByteBuffer in = ByteBuffer.wrap(structure);
        try {
            expect(in, "magic", TPM_GENERATED_VALUE, in.getInt());
            expect(in, "type", TPM_ST_ATTEST_QUOTE, Short.toUnsignedInt(in.getShort()));
            byte[] _ = sized(in);
            byte[] nonce = sized(in);
            in.position(in.position() + CLOCK_INFO_BYTES + Long.BYTES);
            expect(in, "number of banks", 1, in.getInt());
            expect(in, "bank", TPM_ALG_SHA256, Short.toUnsignedInt(in.getShort()));
            expect(in, "size of the selection", SELECTION_BYTES, Byte.toUnsignedInt(in.get()));
            SortedSet<Integer> registers = new TreeSet<>();
            for (int register = 0; register < Evidence.REGISTERS; register += Byte.SIZE) {
                int bits = Byte.toUnsignedInt(in.get());
                for (int bit = 0; bit < Byte.SIZE; bit++) {
                    if ((bits >> bit & 1) != 0) {
                        registers.add(register + bit);
                    }
                }
            }
            byte[] digest = sized(in);
            expect(in, "length of the registers' digest", Digest.BYTES, digest.length);
            expect(in, "number of bytes behind it", 0, in.remaining());
            return new Attestation(nonce, registers, Digest.of(digest));
        } catch (BufferUnderflowException | IllegalArgumentException cut) {
            throw new CorruptImageException("quote", in.position(), "ends too early");
        }
    }

    private static byte[] sized(ByteBuffer in) {
        int length = Short.toUnsignedInt(in.getShort());
        if (length > in.remaining()) {
            throw new BufferUnderflowException();
        }
        byte[] bytes = new byte[length];
        in.get(bytes);
        return bytes;
    }

    private static void expect(ByteBuffer in, String what, int expected, int found) throws CorruptImageException {
        if (found != expected) {
            throw new CorruptImageException(
                    "quote",
                    in.position(),
                    "its " + what + " is 0x" + Integer.toHexString(found) + ", not 0x" + Integer.toHexString(expected));
        }
    }
}
