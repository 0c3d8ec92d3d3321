package io.lamina.shim.doctor;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What this host is and has.
 *
 * @param kernel its release
 * @param erofs whether the kernel mounts EROFS
 * @param erofsFromFiles whether it mounts EROFS from files, Linux 6.12
 * @param dmVerity whether device-mapper is there
 * @param reflink whether files in Lamina's home share blocks
 * @param programs versions of what can start machines
 */
public record Host(
        String kernel, boolean erofs, boolean erofsFromFiles, boolean dmVerity, boolean reflink, Programs programs) {
    /**
     * Programs, as they tell their versions.
     *
     * @param qemu QEMU
     * @param cloudHypervisor Cloud Hypervisor
     * @param containerd containerd
     */
    public record Programs(Optional<String> qemu, Optional<String> cloudHypervisor, Optional<String> containerd) {}

    /** Whether a version such as {@code 2.4.0-beta.0} is {@code major.minor} or later. */
    static boolean atLeast(String version, int major, int minor) {
        Matcher numbers = Pattern.compile("([0-9]{1,4})\\.([0-9]{1,4})").matcher(version);
        if (!numbers.find()) {
            return false;
        }
        int found = Integer.parseInt(numbers.group(1));
        return found > major || (found == major && Integer.parseInt(numbers.group(2)) >= minor);
    }
}
