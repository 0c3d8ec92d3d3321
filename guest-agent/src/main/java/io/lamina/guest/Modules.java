package io.lamina.guest;

import io.lamina.linux.Errno;
import io.lamina.linux.KernelModule;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The kernel's modules that the initramfs has, in groups: a file {@code modules.GROUP} lists one name a line, what is needed
 * first before what needs it. The first group is there already where the initramfs is ours; the others are loaded when they
 * are needed, since a start has to be quick.
 */
final class Modules {
    /** What every start needs. */
    static final String START = "load";

    /** Files of the guest's memory as block devices. */
    static final String LOOP = "loop";

    /** An encrypted disk. */
    static final String SCRATCH = "scratch";

    private static final Path HOME = Path.of("/lamina");
    private static final Path LOADED = Path.of("/sys/module");

    private Modules() {}

    /**
     * Loads the group {@code group}; what is loaded already stays. A module for processors of another kind, of whose work the kernel has a
     * slower form, says so and is left out.
     */
    static void load(String group) throws IOException {
        for (String module : Files.readAllLines(HOME.resolve("modules." + group))) {
            if (Files.exists(LOADED.resolve(module))) {
                continue;
            }
            try {
                KernelModule.load(HOME.resolve("modules").resolve(module));
            } catch (SystemCallException failure) {
                if (failure.errno() != Errno.ENODEV) {
                    throw failure;
                }
            }
        }
    }
}
