package io.lamina.linux;

/** The end of the machine ({@code reboot(2)}). */
public final class Reboot {
    // linux/reboot.h
    private static final long MAGIC1 = 0xfee1deadL;
    private static final long MAGIC2 = 672274793;
    private static final long POWER_OFF = 0x4321fedc;

    private Reboot() {}

    /**
     * Turns the machine off at once: nothing is written back, no process is told.
     *
     * @throws SystemCallException if this process has no right to; otherwise it does not return
     */
    public static void powerOff() throws SystemCallException {
        long _ = SystemCall.REBOOT.call("", MAGIC1, MAGIC2, POWER_OFF);
    }
}
