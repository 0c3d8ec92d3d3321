package io.lamina.guest;

import io.lamina.images.oci.Digest;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A TPM 2.0 as {@code /dev/tpm0} gives it: a command is written, then its answer read, one after the other (TPM 2.0 Library,
 * version 1.59, part 3 "Commands" and part 2 "Structures"; all numbers big-endian). One thread uses an instance. The host's
 * emulator may answer anything: lengths are checked, and what it says is for a verifier to judge, not for the guest.
 */
final class Tpm {
    private static final int TPM_ST_NO_SESSIONS = 0x8001;
    private static final int TPM_ST_SESSIONS = 0x8002;

    private static final int TPM_CC_CREATE_PRIMARY = 0x131;
    private static final int TPM_CC_QUOTE = 0x158;
    private static final int TPM_CC_PCR_READ = 0x17e;
    private static final int TPM_CC_PCR_EXTEND = 0x182;

    private static final int TPM_RH_ENDORSEMENT = 0x4000000b;

    /** The session of who has no more than an empty password to show. */
    private static final int TPM_RS_PW = 0x40000009;

    private static final int TPM_ALG_SHA256 = 0x000b;
    private static final int TPM_ALG_NULL = 0x0010;
    private static final int TPM_ALG_ECDSA = 0x0018;
    private static final int TPM_ALG_ECC = 0x0023;
    private static final int TPM_ECC_NIST_P256 = 0x0003;

    /** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign: it signs the TPM's own words alone. */
    private static final int ATTESTATION_KEY = 0x00050072;

    // The TPM could not start on the command, or still tests itself: it is to be sent again.
    private static final int TPM_RC_RETRY = 0x922;
    private static final int TPM_RC_TESTING = 0x90a;
    private static final int MAX_RETRIES = 100;
    private static final long RETRY_MILLIS = 20;

    private static final int SIZE_OFFSET = 2;
    private static final int STATUS_OFFSET = 6;
    private static final int HEADER_BYTES = 10;
    private static final int MAX_ANSWER_BYTES = 4096;
    private static final int SELECTION_BYTES = 3;

    private final InputStream in;
    private final OutputStream out;

    /** Streams that keep commands and answers whole, as the kernel's device does. */
    Tpm(InputStream in, OutputStream out) {
        this.in = in;
        this.out = out;
    }

    /**
     * A signing key that exists in this TPM only. The same TPM gives the same key each time.
     *
     * @param handle what the TPM calls it
     * @param x of its public point, at most 32 bytes; not copied
     * @param y as {@code x}
     */
    @SuppressWarnings("ArrayRecordComponent") // a carrier that lives within one call and is never compared
    record Key(int handle, byte[] x, byte[] y) {}

    /**
     * A signed word on registers.
     *
     * @param attestation {@code TPMS_ATTEST}; not copied
     * @param r of the ECDSA signature over it; not copied
     * @param s as {@code r}
     */
    @SuppressWarnings("ArrayRecordComponent") // as above
    record Quote(byte[] attestation, byte[] r, byte[] s) {}

    /** What writes a part of a command. */
    @FunctionalInterface
    private interface Part {
        void to(DataOutputStream out) throws IOException;
    }

    /** Extends {@code register} of the sha256 bank with {@code digest}. */
    void extend(int register, Digest digest) throws IOException {
        call(TPM_CC_PCR_EXTEND, command -> {
            command.writeInt(register);
            password(command);
            command.writeInt(1);
            command.writeShort(TPM_ALG_SHA256);
            command.write(digest.bytes());
        });
    }

    /** Values of {@code registers} of the sha256 bank. */
    SortedMap<Integer, Digest> read(Collection<Integer> registers) throws IOException {
        SortedMap<Integer, Digest> values = new TreeMap<>();
        for (int register : registers) {
            ByteBuffer answer = call(TPM_CC_PCR_READ, TPM_ST_NO_SESSIONS, command -> select(command, 1 << register));
            int _ = answer.getInt(); // counts changes
            answer.position(answer.position() + Integer.BYTES + Short.BYTES + 1 + SELECTION_BYTES);
            int count = answer.getInt();
            byte[] value = count == 1 ? sized(answer) : new byte[0];
            if (value.length != Digest.BYTES) {
                throw new IOException("the TPM has no register " + register + " in its sha256 bank");
            }
            values.put(register, Digest.of(value));
        }
        return values;
    }

    /** The attestation key: a primary key of the endorsement hierarchy, ECDSA over P-256, restricted. */
    Key attestationKey() throws IOException {
        ByteBuffer answer = call(TPM_CC_CREATE_PRIMARY, command -> {
            command.writeInt(TPM_RH_ENDORSEMENT);
            password(command);
            sized(command, sensitive -> {
                sensitive.writeShort(0); // no password
                sensitive.writeShort(0); // no data
            });
            sized(command, Tpm::attestationTemplate);
            command.writeShort(0); // outsideInfo
            command.writeInt(0); // creationPCR
        });
        int handle = answer.getInt();
        int _ = answer.getInt(); // parameterSize
        ByteBuffer area = ByteBuffer.wrap(sized(answer));
        // type, nameAlg, objectAttributes, authPolicy, symmetric, scheme and its hash, curve, kdf, then the point
        area.position(area.position() + 2 * Short.BYTES + Integer.BYTES);
        byte[] _ = sized(area);
        area.position(area.position() + 5 * Short.BYTES);
        return new Key(handle, sized(area), sized(area));
    }

    private static void attestationTemplate(DataOutputStream area) throws IOException {
        area.writeShort(TPM_ALG_ECC);
        area.writeShort(TPM_ALG_SHA256);
        area.writeInt(ATTESTATION_KEY);
        area.writeShort(0); // authPolicy
        area.writeShort(TPM_ALG_NULL); // symmetric
        area.writeShort(TPM_ALG_ECDSA);
        area.writeShort(TPM_ALG_SHA256);
        area.writeShort(TPM_ECC_NIST_P256);
        area.writeShort(TPM_ALG_NULL); // kdf
        area.writeShort(0); // x
        area.writeShort(0); // y
    }

    /** The TPM's signed word on {@code registers}, with {@code nonce} in it. */
    Quote quote(Key key, byte[] nonce, Collection<Integer> registers) throws IOException {
        ByteBuffer answer = call(TPM_CC_QUOTE, command -> {
            command.writeInt(key.handle);
            password(command);
            sized(command, data -> data.write(nonce));
            command.writeShort(TPM_ALG_NULL); // the key's own scheme
            select(
                    command,
                    registers.stream().mapToInt(register -> 1 << register).sum());
        });
        int _ = answer.getInt(); // parameterSize
        byte[] attestation = sized(answer);
        int algorithm = Short.toUnsignedInt(answer.getShort());
        int hash = Short.toUnsignedInt(answer.getShort());
        if (algorithm != TPM_ALG_ECDSA || hash != TPM_ALG_SHA256) {
            throw new IOException("the TPM has signed with " + algorithm + "/" + hash + ", not ECDSA with sha256");
        }
        return new Quote(attestation, sized(answer), sized(answer));
    }

    private static void select(DataOutputStream command, int bits) throws IOException {
        command.writeInt(1);
        command.writeShort(TPM_ALG_SHA256);
        command.writeByte(SELECTION_BYTES);
        for (int i = 0; i < SELECTION_BYTES; i++) {
            command.writeByte(bits >> (i * Byte.SIZE));
        }
    }

    private static void password(DataOutputStream command) throws IOException {
        command.writeInt(Integer.BYTES + Short.BYTES + 1 + Short.BYTES);
        command.writeInt(TPM_RS_PW);
        command.writeShort(0); // nonce
        command.writeByte(0); // attributes
        command.writeShort(0); // password
    }

    private static void sized(DataOutputStream command, Part part) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        part.to(new DataOutputStream(bytes));
        command.writeShort(bytes.size());
        bytes.writeTo(command);
    }

    private static byte[] sized(ByteBuffer answer) throws IOException {
        try {
            int length = Short.toUnsignedInt(answer.getShort());
            if (length > answer.remaining()) {
                throw new BufferUnderflowException();
            }
            byte[] bytes = new byte[length];
            answer.get(bytes);
            return bytes;
        } catch (BufferUnderflowException cut) {
            throw new IOException("the TPM's answer ends too early", cut);
        }
    }

    private ByteBuffer call(int code, Part body) throws IOException {
        return call(code, TPM_ST_SESSIONS, body);
    }

    private ByteBuffer call(int code, int tag, Part body) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        body.to(new DataOutputStream(bytes));
        ByteArrayOutputStream command = new ByteArrayOutputStream();
        DataOutputStream header = new DataOutputStream(command);
        header.writeShort(tag);
        header.writeInt(HEADER_BYTES + bytes.size());
        header.writeInt(code);
        bytes.writeTo(header);
        for (int attempt = 0; ; attempt++) {
            ByteBuffer answer = exchange(code, command.toByteArray());
            int status = answer.getInt(STATUS_OFFSET);
            if (status == 0) {
                return answer;
            }
            if ((status != TPM_RC_RETRY && status != TPM_RC_TESTING) || attempt == MAX_RETRIES) {
                throw new IOException("the TPM has answered 0x" + Integer.toHexString(status) + " to command 0x"
                        + Integer.toHexString(code));
            }
            sleep();
        }
    }

    /** One command and its answer, which is read on behind its header. */
    private ByteBuffer exchange(int code, byte[] command) throws IOException {
        out.write(command); // in one piece: the device takes each write for a command
        out.flush();
        byte[] answer = new byte[MAX_ANSWER_BYTES];
        int length = in.read(answer);
        if (length < HEADER_BYTES || ByteBuffer.wrap(answer).getInt(SIZE_OFFSET) != length) {
            throw new IOException(
                    "the TPM has answered " + length + " bytes to command 0x" + Integer.toHexString(code));
        }
        return ByteBuffer.wrap(answer, 0, length).position(HEADER_BYTES);
    }

    private static void sleep() throws IOException {
        try {
            Thread.sleep(RETRY_MILLIS);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for the TPM", stop);
        }
    }
}
