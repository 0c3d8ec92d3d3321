package io.lamina.linux;

import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A directory held open, in which names are made and removed. A name is one component, raw bytes, and never followed if it
 * is a symbolic link: whoever changes the tree meanwhile cannot lead the caller out of it. For use by one thread.
 */
public final class OpenDirectory implements AutoCloseable {
    // asm-generic/fcntl.h; the two that aarch64 numbers differently are chosen by architecture.
    private static final boolean AARCH64 = System.getProperty("os.arch").equals("aarch64");
    private static final int O_WRONLY = 1;
    private static final int O_CREAT = 0100;
    private static final int O_EXCL = 0200;
    private static final int O_DIRECTORY = AARCH64 ? 040000 : 0200000;
    private static final int O_NOFOLLOW = AARCH64 ? 0100000 : 0400000;

    /** {@code struct open_how} of {@code linux/openat2.h}: flags, mode, resolve. */
    private static final int OPEN_HOW_BYTES = 24;

    private static final int RESOLVE_NO_MAGICLINKS = 0x02;
    private static final int RESOLVE_IN_ROOT = 0x10;
    private static final int S_IFIFO = 0010000;

    private final OwnedFd fd;

    private OpenDirectory(OwnedFd fd) {
        this.fd = fd;
    }

    /** Opens the directory at {@code path}. */
    public static OpenDirectory of(Path path) throws SystemCallException {
        return new OpenDirectory(DeviceFile.open(path.toString(), O_DIRECTORY));
    }

    /**
     * Opens a directory below this one as a process would whose root this is ({@code openat2(2)}): symbolic links are
     * followed, and never lead out.
     */
    public OpenDirectory inRoot(String path) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment how = arena.allocate(OPEN_HOW_BYTES, Long.BYTES);
            how.setAtIndex(ValueLayout.JAVA_LONG, 0, O_DIRECTORY | SystemCall.O_CLOEXEC);
            how.setAtIndex(ValueLayout.JAVA_LONG, 2, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
            long number = SystemCall.OPENAT2.call(
                    path, fd.number(), SystemCall.string(arena, path), how.address(), OPEN_HOW_BYTES);
            return new OpenDirectory(new OwnedFd((int) number));
        }
    }

    /** Opens the directory {@code name} in this one. */
    public OpenDirectory child(byte[] name) throws SystemCallException {
        return new OpenDirectory(open(name, O_DIRECTORY | O_NOFOLLOW, 0));
    }

    /** Makes a directory; the umask applies. */
    public void makeDirectory(byte[] name, int permissions) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long _ = SystemCall.MKDIRAT.call(shown(name), fd.number(), SystemCall.bytes(arena, name), permissions);
        }
    }

    /** Makes a regular file, which must not exist yet, for nobody else to read. */
    public NewFile makeFile(byte[] name) throws SystemCallException {
        return new NewFile(open(name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0600));
    }

    /** Makes a symbolic link. */
    public void makeSymbolicLink(byte[] name, byte[] target) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long _ = SystemCall.SYMLINKAT.call(
                    shown(name), SystemCall.bytes(arena, target), fd.number(), SystemCall.bytes(arena, name));
        }
    }

    /** Makes a further name of the file {@code existing} in {@code directory}. */
    public void makeLink(byte[] name, OpenDirectory directory, byte[] existing) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long from = SystemCall.bytes(arena, existing);
            long to = SystemCall.bytes(arena, name);
            long _ = SystemCall.LINKAT.call(shown(name), directory.fd.number(), from, fd.number(), to, 0);
        }
    }

    /** Makes a FIFO; the umask applies. */
    public void makeFifo(byte[] name, int permissions) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long _ = SystemCall.MKNODAT.call(
                    shown(name), fd.number(), SystemCall.bytes(arena, name), S_IFIFO | permissions, 0);
        }
    }

    /** Removes a name that is no directory. */
    public void remove(byte[] name) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long _ = SystemCall.UNLINKAT.call(shown(name), fd.number(), SystemCall.bytes(arena, name), 0);
        }
    }

    /** Sets the permissions of this directory. */
    public void setPermissions(int permissions) throws SystemCallException {
        permissions(fd, permissions);
    }

    /** A path of {@code name} in this directory, good while this is open. */
    public byte[] place(byte[] name) {
        byte[] directory = ("/proc/self/fd/" + fd.number() + "/").getBytes(StandardCharsets.US_ASCII);
        byte[] place = new byte[directory.length + name.length];
        System.arraycopy(directory, 0, place, 0, directory.length);
        System.arraycopy(name, 0, place, directory.length, name.length);
        return place;
    }

    @Override
    public void close() {
        fd.close();
    }

    private OwnedFd open(byte[] name, int flags, int mode) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            return new OwnedFd((int) SystemCall.OPENAT.call(
                    shown(name), fd.number(), SystemCall.bytes(arena, name), flags | SystemCall.O_CLOEXEC, mode));
        }
    }

    private static void permissions(OwnedFd file, int permissions) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            String path = "/proc/self/fd/" + file.number();
            long _ = SystemCall.FCHMODAT.call(path, SystemCall.AT_FDCWD, SystemCall.string(arena, path), permissions);
        }
    }

    private static String shown(byte[] name) {
        return OpenFile.shown(name);
    }

    /** A file that was just made. Closing the stream of {@link #output} closes it. */
    public static final class NewFile implements AutoCloseable {
        private final OwnedFd fd;

        private NewFile(OwnedFd fd) {
            this.fd = fd;
        }

        /** Where its bytes go. */
        public OutputStream output() {
            return DescriptorStreams.output(fd);
        }

        /** Sets permissions and, when all bytes are written, the time of the last change. */
        public void finish(int permissions, long modifiedSeconds, int modifiedNanos) throws SystemCallException {
            permissions(fd, permissions);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment times = arena.allocate(ValueLayout.JAVA_LONG, 4);
                for (int i = 0; i < 4; i += 2) {
                    times.setAtIndex(ValueLayout.JAVA_LONG, i, modifiedSeconds);
                    times.setAtIndex(ValueLayout.JAVA_LONG, i + 1, modifiedNanos);
                }
                long _ = SystemCall.UTIMENSAT.call(fd.toString(), fd.number(), 0, times.address(), 0);
            }
        }

        @Override
        public void close() {
            fd.close();
        }
    }
}
