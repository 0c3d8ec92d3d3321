package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** The end of the machine ({@code reboot(2)}). */
public final class Reboot {
    /** {@code LINUX_REBOOT_CMD_POWER_OFF} of {@code linux/reboot.h}. */
    private static final int POWER_OFF = 0x4321fedc;

    private static final MethodHandle REBOOT =
            Libc.errnoHandle("reboot", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

    private Reboot() {}

    /**
     * Turns the machine off at once: nothing is written back, no process is told.
     *
     * @throws SystemCallException if this process has no right to; otherwise it does not return
     */
    public static void powerOff() throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int result = (int) REBOOT.invokeExact(state, POWER_OFF);
            if (result < 0) {
                throw new SystemCallException("reboot", "", Libc.errno(state));
            }
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("reboot", failure);
        }
    }
}
