package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Whose rights this whole process has, and how it gives root's up for good ({@code credentials(7)}). */
public final class ProcessRights {
    /** User and group "nobody" of every Linux: the kernel's own overflow ids ({@code linux/highuid.h}). */
    private static final int NOBODY = 65534;

    private static final MethodHandle GETEUID = Libc.handle("geteuid", FunctionDescriptor.of(ValueLayout.JAVA_INT));
    private static final FunctionDescriptor THREE_IDS = FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);

    private ProcessRights() {}

    /** Whose rights this process has, an unsigned 32-bit number. */
    public static int userId() {
        try {
            return (int) GETEUID.invokeExact();
        } catch (Throwable failure) {
            throw Libc.unexpected("geteuid", failure);
        }
    }

    /**
     * Makes the process, all its threads, that of nobody when it is root's. The functions of the C library are used on
     * purpose: they reach every thread, also those that Java does not show. What is open stays open; of paths, only
     * what anybody may open is left.
     *
     * @return whether there was something to give up
     */
    public static boolean giveUpRoot() throws SystemCallException {
        if (userId() != 0) {
            return false;
        }
        // Groups first: the right to change them goes with the user id.
        call(
                "setgroups",
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS),
                (handle, state) -> (int) handle.invokeExact(state, 0L, MemorySegment.NULL));
        call("setresgid", THREE_IDS, (handle, state) -> (int) handle.invokeExact(state, NOBODY, NOBODY, NOBODY));
        call("setresuid", THREE_IDS, (handle, state) -> (int) handle.invokeExact(state, NOBODY, NOBODY, NOBODY));
        return true;
    }

    /** One call of a bound function. */
    private interface Call {
        int with(MethodHandle handle, MemorySegment state) throws Throwable;
    }

    private static void call(String function, FunctionDescriptor descriptor, Call call) throws SystemCallException {
        int errno;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            if (call.with(Libc.errnoHandle(function, descriptor), state) == 0) {
                return;
            }
            errno = Libc.errno(state);
        } catch (Throwable failure) {
            throw Libc.unexpected(function, failure);
        }
        throw new SystemCallException(function, "user " + NOBODY, errno);
    }
}
