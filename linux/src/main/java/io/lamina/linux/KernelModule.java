package io.lamina.linux;

import java.lang.foreign.Arena;
import java.nio.file.Path;

/** Kernel modules ({@code finit_module(2)}). Finding what a module needs is the caller's work. */
public final class KernelModule {
    private KernelModule() {}

    /** Loads the uncompressed module in {@code file}, without parameters; one that is loaded already is left alone. */
    public static void load(Path file) throws SystemCallException {
        try (Arena arena = Arena.ofConfined();
                OwnedFd fd = DeviceFile.open(file.toString(), DeviceFile.O_RDONLY)) {
            long _ = SystemCall.FINIT_MODULE.call(file.toString(), fd.number(), SystemCall.string(arena, ""), 0);
        } catch (SystemCallException failure) {
            if (failure.errno() != Errno.EEXIST) {
                throw failure;
            }
        }
    }
}
