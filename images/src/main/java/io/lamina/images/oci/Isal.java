package io.lamina.images.oci;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * The two functions of ISA-L that inflate
 * (<a href="https://github.com/intel/isa-l/blob/v2.31.0/include/igzip_lib.h">igzip_lib.h</a>), and where in
 * {@code struct inflate_state} the fields are that callers use; the same since version 2.22, and part of the
 * binary interface that the library's name {@code libisal.so.2} stands for.
 */
final class Isal {
    /** {@code sizeof(struct inflate_state)} is 87,368. */
    static final int STATE_BYTES = 96 << 10;

    static final int NEXT_OUT = 0;
    static final int AVAIL_OUT = 8;
    static final int NEXT_IN = 16;
    static final int READ_IN_LENGTH = 36;
    static final int AVAIL_IN = 32;
    static final int BLOCK_STATE = 21160;

    /** Of {@code enum isal_block_state}: {@code ISAL_BLOCK_FINISH}. */
    static final int BLOCK_FINISH = 5;

    /** The library, or null where it is not installed. */
    static final @Nullable Isal INSTANCE = load();

    private final MethodHandle init;
    private final MethodHandle inflate;

    @SuppressWarnings("restricted") // the descriptors are those of igzip_lib.h
    private Isal(SymbolLookup library) {
        Linker linker = Linker.nativeLinker();
        init = linker.downcallHandle(
                library.findOrThrow("isal_inflate_init"), FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
        inflate = linker.downcallHandle(
                library.findOrThrow("isal_inflate"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));
    }

    @SuppressWarnings("restricted") // named by its version, whose header the layout follows
    private static @Nullable Isal load() {
        try {
            return new Isal(SymbolLookup.libraryLookup("libisal.so.2", Arena.global()));
        } catch (IllegalArgumentException | NoSuchElementException notInstalled) {
            return null; // nothing is lost but speed
        }
    }

    void init(long state) {
        try {
            init.invokeExact(state);
        } catch (Throwable failure) {
            throw new AssertionError("calling isal_inflate_init", failure);
        }
    }

    /** Gives a negative number for data that is no deflate. */
    int inflate(long state) {
        try {
            return (int) inflate.invokeExact(state);
        } catch (Throwable failure) {
            throw new AssertionError("calling isal_inflate", failure);
        }
    }
}
