package io.lamina.images.hash;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/** OpenSSL's computation. */
final class LibCryptoSha256 implements Sha256 {
    /** Bytes of the heap go through a copy of this size, which costs a twentieth of hashing them. */
    private static final int COPY_BYTES = 4096;

    private static final int START = LibCrypto.CONTEXT_BYTES;
    private static final int RESULT = START + LibCrypto.CONTEXT_BYTES;
    private static final int COPY = RESULT + BYTES;

    private final MemorySegment memory = Arena.ofAuto().allocate(COPY + COPY_BYTES, Long.BYTES);
    private final long context = memory.address();

    LibCryptoSha256(byte[] prefix) {
        LibCrypto.init(context);
        update(MemorySegment.ofArray(prefix), 0, prefix.length);
        MemorySegment.copy(memory, 0, memory, START, LibCrypto.CONTEXT_BYTES);
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
        LibCrypto.finish(context + RESULT, context);
        MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, RESULT, into, start, BYTES);
        MemorySegment.copy(memory, START, memory, 0, LibCrypto.CONTEXT_BYTES);
    }
}
