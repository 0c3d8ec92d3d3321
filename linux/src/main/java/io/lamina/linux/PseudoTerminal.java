package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * A pseudoterminal of one {@code devpts} mount ({@code pty(7)}).
 *
 * @param master what is written here the program reads as typed, and the other way round
 * @param number the terminal's name in its {@code devpts}
 */
public record PseudoTerminal(OwnedFd master, int number) implements AutoCloseable {
    // asm-generic/ioctls.h
    private static final long TIOCSPTLCK = 0x40045431L;
    private static final long TIOCGPTN = 0x80045430L;
    private static final long TIOCSWINSZ = 0x5414;
    private static final int O_NOCTTY = 0400;

    /** Makes a terminal in the {@code devpts} mounted at {@code devpts}. */
    public static PseudoTerminal open(Path devpts) throws SystemCallException {
        OwnedFd master = DeviceFile.open(devpts.resolve("ptmx").toString(), DeviceFile.O_RDWR | O_NOCTTY);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment word = arena.allocate(ValueLayout.JAVA_INT);
            long _ = SystemCall.IOCTL.call("TIOCSPTLCK", master.number(), TIOCSPTLCK, word.address());
            long _ = SystemCall.IOCTL.call("TIOCGPTN", master.number(), TIOCGPTN, word.address());
            return new PseudoTerminal(master, word.get(ValueLayout.JAVA_INT, 0));
        } catch (SystemCallException failure) {
            master.close();
            throw failure;
        }
    }

    /** Tells the program that its terminal has this many characters, each 0 to 65535. */
    public void resize(int rows, int columns) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment size = arena.allocate(ValueLayout.JAVA_SHORT, 4);
            size.setAtIndex(ValueLayout.JAVA_SHORT, 0, (short) rows);
            size.setAtIndex(ValueLayout.JAVA_SHORT, 1, (short) columns);
            long _ = SystemCall.IOCTL.call("TIOCSWINSZ", master.number(), TIOCSWINSZ, size.address());
        }
    }

    @Override
    public void close() {
        master.close();
    }
}
