package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;

/** Device nodes: making them ({@code mknod(2)}), and opening them for calls that take a descriptor. */
public final class DeviceFile {
    static final int O_RDONLY = 0;
    static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 02000000;

    /** {@code S_IFCHR} of {@code linux/stat.h}. */
    private static final int CHARACTER_DEVICE = 0020000;

    private static final MethodHandle OPEN = Libc.variadicErrnoHandle(
            "open", 2, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    private static final MethodHandle MKNOD = Libc.errnoHandle(
            "mknod",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));
    private static final MethodHandle CHMOD = Libc.errnoHandle(
            "chmod", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));

    private DeviceFile() {}

    /**
     * Makes a character device node with exactly these permissions.
     *
     * @param permissions the lower 12 bits of a mode; the umask is not applied
     */
    public static void makeCharacterDevice(String path, int permissions, int major, int minor)
            throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment name = Libc.cString(arena, path.getBytes(StandardCharsets.UTF_8));
            int made = (int) MKNOD.invokeExact(state, name, CHARACTER_DEVICE | permissions, device(major, minor));
            check(made, "mknod", path, state);
            int changed = (int) CHMOD.invokeExact(state, name, permissions);
            check(changed, "chmod", path, state);
        } catch (SystemCallException | IllegalArgumentException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("mknod", failure);
        }
    }

    /** The numbers as the C library packs them (gnu_dev_makedev of {@code sys/sysmacros.h}). */
    static long device(int major, int minor) {
        return ((major & 0xfffL) << 8)
                | ((major & 0xfffff000L) << 32)
                | (minor & 0xffL)
                | ((minor & 0xffffff00L) << 12);
    }

    static OwnedFd open(String path, int flags) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment name = Libc.cString(arena, path.getBytes(StandardCharsets.UTF_8));
            int number = (int) OPEN.invokeExact(state, name, flags | O_CLOEXEC);
            check(number, "open", path, state);
            return new OwnedFd(number);
        } catch (SystemCallException | IllegalArgumentException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("open", failure);
        }
    }

    private static void check(int result, String call, String path, MemorySegment state) throws SystemCallException {
        if (result < 0) {
            throw new SystemCallException(call, path, Libc.errno(state));
        }
    }
}
