package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** Kernel modules ({@code finit_module(2)}). Finding what a module needs is the caller's work. */
public final class KernelModule {
    /** arch/x86/entry/syscalls/syscall_64.tbl and asm-generic/unistd.h. */
    private static final long SYS_FINIT_MODULE = System.getProperty("os.arch").equals("aarch64") ? 273 : 313;

    private static final MethodHandle FINIT_MODULE = Libc.variadicErrnoHandle(
            "syscall",
            1,
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG));

    private KernelModule() {}

    /** Loads the uncompressed module in {@code file}, without parameters; one that is loaded already is left alone. */
    public static void load(Path file) throws SystemCallException {
        try (Arena arena = Arena.ofConfined();
                OwnedFd fd = DeviceFile.open(file.toString(), DeviceFile.O_RDONLY)) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment noParameters = arena.allocateFrom("");
            long result =
                    (long) FINIT_MODULE.invokeExact(state, SYS_FINIT_MODULE, (long) fd.number(), noParameters, 0L);
            if (result < 0 && Libc.errno(state) != Errno.EEXIST) {
                throw new SystemCallException("finit_module", file.toString(), Libc.errno(state));
            }
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("finit_module", failure);
        }
    }
}
