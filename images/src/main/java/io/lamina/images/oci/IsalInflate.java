package io.lamina.images.oci;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;

/** ISA-L's inflate. */
final class IsalInflate implements Inflate {
    private final Isal library;
    private final Arena arena;
    private final MemorySegment state;

    @SuppressWarnings("MustBeClosed") // closed in close
    IsalInflate(Isal library) {
        this.library = library;
        arena = Arena.ofShared();
        state = arena.allocate(Isal.STATE_BYTES, 64);
        library.init(state.address());
    }

    @Override
    public void reset() {
        library.init(state.address());
    }

    @Override
    public void inflate(ByteBuffer input, ByteBuffer output) throws DataFormatException {
        MemorySegment from = MemorySegment.ofBuffer(input);
        MemorySegment to = MemorySegment.ofBuffer(output);
        if (!from.isNative() || !to.isNative()) {
            throw new IllegalArgumentException("a buffer on the heap");
        }
        state.set(ValueLayout.JAVA_LONG, Isal.NEXT_IN, from.address());
        state.set(ValueLayout.JAVA_INT, Isal.AVAIL_IN, input.remaining());
        state.set(ValueLayout.JAVA_LONG, Isal.NEXT_OUT, to.address());
        state.set(ValueLayout.JAVA_INT, Isal.AVAIL_OUT, output.remaining());
        int result = library.inflate(state.address());
        input.position(input.limit() - left(Isal.AVAIL_IN, input));
        output.position(output.limit() - left(Isal.AVAIL_OUT, output));
        if (result < 0) {
            throw new DataFormatException("ISA-L says " + result);
        }
        if (finished()) {
            // Whole bytes that it had taken in advance belong to what follows.
            int unused = state.get(ValueLayout.JAVA_INT, Isal.READ_IN_LENGTH) / Byte.SIZE;
            input.position(input.position() - Math.clamp(unused, 0, LOOK_BACK_BYTES));
        }
    }

    /** Version 2.30 counts a header that the data cuts short as read, to below zero. */
    private int left(int field, ByteBuffer buffer) throws DataFormatException {
        int left = state.get(ValueLayout.JAVA_INT, field);
        if (left < 0 || left > buffer.remaining()) {
            throw new DataFormatException("ISA-L leaves " + left + " bytes of " + buffer.remaining());
        }
        return left;
    }

    @Override
    public boolean finished() {
        return state.get(ValueLayout.JAVA_INT, Isal.BLOCK_STATE) == Isal.BLOCK_FINISH;
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
