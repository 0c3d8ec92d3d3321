package io.lamina.images.hash;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * OpenSSL's computation. Its context is started here and read at the end, after padding as FIPS 180-4 section 5.1.1
 * demands, which the library takes for more of the message.
 */
final class LibCryptoSha256 implements Sha256 {
    /** Bytes of the heap go through a copy of this size, which costs a twentieth of hashing them. */
    private static final int COPY_BYTES = 4096;

    // SHA256_CTX of openssl/sha.h: h[8], Nl, Nh, data[16], num, md_len.
    private static final int CONTEXT_BYTES = 112;
    private static final int CONTEXT_LENGTH_LOW = 32;
    private static final int CONTEXT_LENGTH_HIGH = 36;
    private static final int CONTEXT_NUM = 104;
    private static final int CONTEXT_MD_LEN = 108;

    private static final int START = CONTEXT_BYTES;
    private static final int COPY = START + CONTEXT_BYTES;

    private static final int BLOCK_BYTES = 64;

    private static final ValueLayout.OfInt WORD = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfInt BIG_ENDIAN = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    /** FIPS 180-4 section 5.3.3. */
    private static final int[] INITIAL_HASH = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
    };

    private final MemorySegment memory = Arena.ofAuto().allocate(COPY + COPY_BYTES, Long.BYTES);
    private final long context = memory.address();

    LibCryptoSha256(byte[] prefix) {
        for (int i = 0; i < INITIAL_HASH.length; i++) {
            memory.set(WORD, (long) i * Integer.BYTES, INITIAL_HASH[i]);
        }
        memory.set(WORD, CONTEXT_MD_LEN, BYTES);
        update(MemorySegment.ofArray(prefix), 0, prefix.length);
        MemorySegment.copy(memory, 0, memory, START, CONTEXT_BYTES);
    }

    @Override
    public void update(MemorySegment bytes, long start, long length) {
        Objects.checkFromIndexSize(start, length, bytes.byteSize());
        if (bytes.isNative()) {
            LibCrypto.update(context, bytes.address() + start, length);
            return;
        }
        for (long done = 0; done < length; done += COPY_BYTES) {
            long count = Math.min(length - done, COPY_BYTES);
            MemorySegment.copy(bytes, start + done, memory, COPY, count);
            LibCrypto.update(context, context + COPY, count);
        }
    }

    @Override
    public void digest(byte[] into, int start) {
        Objects.checkFromIndexSize(start, BYTES, into.length);
        pad();
        for (int i = 0; i < INITIAL_HASH.length; i++) {
            memory.set(BIG_ENDIAN, COPY + (long) i * Integer.BYTES, memory.get(WORD, (long) i * Integer.BYTES));
        }
        MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, COPY, into, start, BYTES);
        MemorySegment.copy(memory, START, memory, 0, CONTEXT_BYTES);
    }

    /** A one bit, zeroes up to eight bytes before the end of a block, and the message's length in bits. */
    private void pad() {
        int inBlock = memory.get(WORD, CONTEXT_NUM);
        int lengthHigh = memory.get(WORD, CONTEXT_LENGTH_HIGH);
        int lengthLow = memory.get(WORD, CONTEXT_LENGTH_LOW);
        int zeroesEnd = (inBlock < BLOCK_BYTES - Long.BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES) - Long.BYTES - inBlock;
        memory.asSlice(COPY, zeroesEnd).fill((byte) 0);
        memory.set(ValueLayout.JAVA_BYTE, COPY, (byte) 0x80);
        memory.set(BIG_ENDIAN, COPY + zeroesEnd, lengthHigh);
        memory.set(BIG_ENDIAN, COPY + zeroesEnd + Integer.BYTES, lengthLow);
        LibCrypto.update(context, context + COPY, zeroesEnd + Long.BYTES);
    }
}
