package io.lamina.host.guestimage;

import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * What a virtual machine boots. The initramfs has no keys: a launcher appends {@link Initdata} to it.
 *
 * @param kernel the kernel, as {@code -kernel} of QEMU takes it
 * @param kernelRelease its release, such as {@code 6.12.95+deb12-cloud-amd64}
 * @param initramfs the compressed initramfs
 * @param sizes how large the initramfs is
 * @param kernelDigest digest of the kernel's file
 * @param initramfsDigest digest of the initramfs' file
 */
public record GuestImage(
        Path kernel, String kernelRelease, Path initramfs, Sizes sizes, Digest kernelDigest, Digest initramfsDigest) {
    /**
     * What the kernel has to be told for the initramfs to run; the agent takes nothing from the command line. Under
     * emulation on a busy machine the kernel can take the timer for broken, hence no check of it.
     */
    public static final String KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 no_timer_check";

    /**
     * Sizes of the initramfs in bytes.
     *
     * @param compressedBytes as a file
     * @param unpackedBytes in the guest's memory
     */
    public record Sizes(long compressedBytes, long unpackedBytes) {}

    /**
     * What a guest image is made of.
     *
     * @param debs the packages that {@link DebianPackages} downloads
     * @param jdkHome the JDK whose runtime the guest gets
     * @param agentJars the agent and its libraries, in class path order
     */
    public record Inputs(Path debs, Path jdkHome, List<Path> agentJars) {
        /** Keeps a copy. */
        public Inputs {
            agentJars = List.copyOf(agentJars);
        }
    }

    /**
     * Builds an image into {@code directory}, which exists; the files {@code vmlinuz} and {@code initramfs} there are
     * replaced once both are complete.
     *
     * @throws IOException if a package is missing or a tool fails
     */
    public static GuestImage build(Path directory, Inputs inputs) throws IOException, InterruptedException {
        return new GuestImageBuilder(directory.toAbsolutePath(), inputs).build();
    }
}
