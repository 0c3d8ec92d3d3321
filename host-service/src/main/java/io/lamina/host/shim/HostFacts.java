package io.lamina.host.shim;

import io.lamina.host.attach.HostMountMethod;
import io.lamina.shim.doctor.Host;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/** Looks at this host: kernel, file system, programs. Changes nothing. */
public final class HostFacts {
    private static final Set<String> SHARING = Set.of("xfs", "btrfs", "bcachefs", "ocfs2", "zfs");
    private static final int PATIENCE_SECONDS = 10;
    private static final int MAX_VERSION_BYTES = 4096;

    private HostFacts() {}

    /**
     * Looks.
     *
     * @param home where attachments' files go
     */
    public static Host look(Path home) throws IOException, InterruptedException {
        Files.createDirectories(home);
        HostMountMethod method = HostMountMethod.probe(home);
        return new Host(
                Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip(),
                method != HostMountMethod.NONE
                        || lines("/proc/filesystems").stream().anyMatch(l -> l.endsWith("erofs")),
                method == HostMountMethod.FILE_BACKED,
                lines("/proc/devices").stream().anyMatch(line -> line.endsWith(" device-mapper"))
                        || lines("/proc/misc").stream().anyMatch(line -> line.endsWith(" device-mapper")),
                SHARING.contains(Files.getFileStore(home).type()),
                new Host.Programs(version("qemu-system-x86_64"), version("cloud-hypervisor"), version("containerd")));
    }

    private static List<String> lines(String file) throws IOException {
        return Files.readAllLines(Path.of(file));
    }

    /** The first line that a program says of its version, if the program is there. */
    private static Optional<String> version(String program) throws InterruptedException {
        try {
            Process process = new ProcessBuilder(program, "--version")
                    .redirectErrorStream(true)
                    .start();
            process.getOutputStream().close();
            String said = new String(process.getInputStream().readNBytes(MAX_VERSION_BYTES), StandardCharsets.UTF_8);
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return Optional.empty();
            }
            return said.lines().findFirst();
        } catch (IOException missing) {
            return Optional.empty();
        }
    }
}
