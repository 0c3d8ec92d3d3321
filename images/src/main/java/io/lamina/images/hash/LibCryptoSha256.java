package io.lamina.images.hash;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/** OpenSSL's computation. */
final class LibCryptoSha256 implements Sha256 {
    /** As much of the heap as is held at once, about 40 µs. */
    private static final int HEAP_PIECE_BYTES = 64 << 10;

    private final LibCrypto library;
    private final MemorySegment memory = Arena.ofAuto().allocate(LibCrypto.CONTEXT_BYTES + BYTES, Long.BYTES);
    private final long context = memory.address();

    LibCryptoSha256(LibCrypto library) {
        this.library = library;
        library.init(context);
    }

    @Override
    public void update(MemorySegment bytes, long start, long length) {
        Objects.checkFromIndexSize(start, length, bytes.byteSize());
        if (bytes.isNative()) {
            library.update(context, bytes.address() + start, length);
            return;
        }
        for (long done = 0; done < length; done += HEAP_PIECE_BYTES) {
            library.updateOnHeap(context, bytes.asSlice(start + done, Math.min(length - done, HEAP_PIECE_BYTES)));
        }
    }

    @Override
    public void digest(byte[] into, int start) {
        Objects.checkFromIndexSize(start, BYTES, into.length);
        library.finish(context + LibCrypto.CONTEXT_BYTES, context);
        MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, LibCrypto.CONTEXT_BYTES, into, start, BYTES);
        library.init(context);
    }
}
