package io.lamina.linux;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * How the classes of this package bind functions of the C library.
 *
 * <p>A handle made by {@link #errnoHandle} takes, before the function's own arguments, a segment of
 * {@link #ERRNO_STATE} into which the linker copies {@code errno} before any other code of the thread can change it.
 * A blocking call must not be bound as {@linkplain Linker.Option#critical critical}: it would hold up every safepoint.
 */
final class Libc {
    /** Where captured {@code errno} values go. */
    static final StructLayout ERRNO_STATE = Linker.Option.captureStateLayout();

    private static final VarHandle ERRNO = ERRNO_STATE
            .varHandle(MemoryLayout.PathElement.groupElement("errno"))
            .withInvokeExactBehavior();
    private static final Linker LINKER = Linker.nativeLinker();

    private Libc() {}

    /** Binds a function that does not set {@code errno}. */
    @SuppressWarnings("restricted") // the descriptors of this package are checked against the manual pages
    static MethodHandle handle(String function, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(address(function), descriptor);
    }

    /** Binds a function whose {@code errno} the caller wants: the handle's first argument is a {@link #ERRNO_STATE}. */
    @SuppressWarnings("restricted") // as above
    static MethodHandle errnoHandle(String function, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(address(function), descriptor, Linker.Option.captureCallState("errno"));
    }

    /**
     * Binds a variadic function, such as {@code ioctl}: its first {@code fixed} arguments are named in the prototype.
     * The handle's first argument is a {@link #ERRNO_STATE}.
     */
    @SuppressWarnings("restricted") // as above
    static MethodHandle variadicErrnoHandle(String function, int fixed, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(
                address(function),
                descriptor,
                Linker.Option.captureCallState("errno"),
                Linker.Option.firstVariadicArg(fixed));
    }

    /** The {@code errno} that the last call through {@code state} left. */
    static int errno(MemorySegment state) {
        return (int) ERRNO.get(state, 0L);
    }

    /** A NUL-terminated copy of {@code bytes}; a path of Linux is bytes, not characters. */
    static MemorySegment cString(SegmentAllocator allocator, byte[] bytes) {
        for (byte b : bytes) {
            if (b == 0) {
                throw new IllegalArgumentException("NUL inside a string for a system call");
            }
        }
        MemorySegment copy = allocator.allocate(bytes.length + 1L);
        MemorySegment.copy(bytes, 0, copy, ValueLayout.JAVA_BYTE, 0, bytes.length);
        return copy;
    }

    /** What a method handle can throw although the call itself cannot: kept apart from the call's own failures. */
    static AssertionError unexpected(String function, Throwable failure) {
        if (failure instanceof Error error) {
            throw error;
        }
        return new AssertionError("calling " + function, failure);
    }

    private static MemorySegment address(String function) {
        return LINKER.defaultLookup()
                .find(function)
                .orElseThrow(() -> new UnsupportedOperationException("this C library has no " + function));
    }
}
