package io.lamina.vhostuser.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * A bit for each page of guest memory, set after the device wrote there: section "Migration" of vhost-user.rst. The
 * front-end reads and clears bits meanwhile, so each is set by an atomic operation. For one thread.
 */
public final class DirtyLog {
    /** {@code VHOST_LOG_PAGE}, whatever the page size of guest and host. */
    private static final int PAGE_SHIFT = 12;

    private static final int WORD_SHIFT = 5;
    private static final int WORD_MASK = (1 << WORD_SHIFT) - 1;

    /** Bits are counted through bytes; seen as words, that is little endian. */
    private static final VarHandle WORD = ValueLayout.JAVA_INT.varHandle().withInvokeExactBehavior();

    private static final boolean SWAPPED = ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN;

    private final MemorySegment bits;
    private final long words;

    /** Marks pages in these bytes, the first bit being the page at guest address 0. */
    public DirtyLog(MemorySegment bits) {
        this.bits = bits;
        this.words = bits.byteSize() / Integer.BYTES;
    }

    /** Marks the pages of a guest range; those that the front-end gave no bits for are left out. */
    public void mark(long guestAddress, long lengthBytes) {
        if (lengthBytes <= 0) {
            return;
        }
        long last = (guestAddress + lengthBytes - 1) >>> PAGE_SHIFT;
        for (long page = guestAddress >>> PAGE_SHIFT; page <= last; page++) {
            long word = page >>> WORD_SHIFT;
            if (word >= words) {
                return;
            }
            int bit = 1 << (page & WORD_MASK);
            int ignored =
                    (int) WORD.getAndBitwiseOr(bits, word * Integer.BYTES, SWAPPED ? Integer.reverseBytes(bit) : bit);
        }
    }
}
