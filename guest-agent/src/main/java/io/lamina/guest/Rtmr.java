package io.lamina.guest;

import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * The run-time register of a TDX module that is left to applications, as Linux shows it from 6.16 on: a write of 48 bytes
 * extends it (https://github.com/torvalds/linux/blob/v6.16/Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest).
 * This is a seam: no TDX machine has run it. A report over the registers is the workload's to ask for, under
 * {@code /sys/kernel/config/tsm/report} ({@code configfs-tsm} of the same kernel).
 */
final class Rtmr {
    private static final String REGISTER = "devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384";

    /** A sha384 digest; a statement's sha256 is followed by zeroes. */
    private static final int REGISTER_BYTES = 48;

    private Rtmr() {}

    /** Extends the register with {@code digest}; does nothing on a machine that has none. */
    static void extend(Path sysfs, Digest digest) throws IOException {
        Path register = sysfs.resolve(REGISTER);
        if (Files.exists(register)) {
            Files.write(register, Arrays.copyOf(digest.bytes(), REGISTER_BYTES), StandardOpenOption.WRITE);
        }
    }
}
