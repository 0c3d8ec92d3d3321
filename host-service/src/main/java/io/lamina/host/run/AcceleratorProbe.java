package io.lamina.host.run;

import io.lamina.linux.DescriptorStreams;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Pidfd;
import io.lamina.linux.Pipe;
import io.lamina.linux.Spawn;
import io.lamina.shim.qemu.QemuMachine.Accelerator;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Whether KVM really boots the guest's kernel here. A {@code /dev/kvm} that can be opened proves nothing: within another
 * virtual machine it may start a guest and never get past its first instructions. So the kernel is started once, with
 * nothing to boot into, and must have said a word within seconds; what came of it is remembered until the host reboots.
 */
final class AcceleratorProbe {
    private static final Path KVM = Path.of("/dev/kvm");
    private static final String PATIENCE_SECONDS = "5";
    private static final String FIRST_WORDS = "Linux version";

    private final Path qemu;
    private final Path memory;

    /** @param home where the outcome is remembered */
    AcceleratorProbe(Path qemu, Path home) {
        this.qemu = qemu;
        this.memory = home.resolve("accelerator");
    }

    /** The fastest accelerator that boots {@code kernel}. */
    Accelerator choose(Path kernel) throws IOException {
        if (!Files.isReadable(KVM) || !Files.isWritable(KVM)) {
            return Accelerator.TCG;
        }
        String bootId =
                Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
        for (Accelerator known : Accelerator.values()) {
            if (Files.exists(memory) && Files.readString(memory).equals(bootId + " " + known)) {
                return known;
            }
        }
        Accelerator found = boots(kernel) ? Accelerator.KVM : Accelerator.TCG;
        Files.writeString(memory, bootId + " " + found);
        return found;
    }

    private boolean boots(Path kernel) throws IOException {
        Pipe output = Pipe.create();
        Pidfd started;
        try (OwnedFd childEnd = output.writeEnd()) {
            // timeout(1) ends QEMU when it has said nothing, and passes on a SIGTERM of ours when it has.
            started = Spawn.of(Path.of("/usr/bin/timeout"), arguments(kernel))
                    .environment(List.of("PATH=/usr/bin:/bin"))
                    .descriptor(1, childEnd)
                    .descriptor(2, childEnd)
                    .newSession()
                    .start();
        }
        try (Pidfd process = started;
                InputStream console = DescriptorStreams.input(output.readEnd())) {
            StringBuilder said = new StringBuilder();
            byte[] chunk = new byte[4096];
            for (int count = console.read(chunk); count >= 0; count = console.read(chunk)) {
                said.append(new String(chunk, 0, count, StandardCharsets.ISO_8859_1));
                if (said.indexOf(FIRST_WORDS) >= 0) {
                    break;
                }
            }
            process.signal(Pidfd.SIGTERM);
            process.waitFor();
            return said.indexOf(FIRST_WORDS) >= 0;
        }
    }

    private List<String> arguments(Path kernel) {
        return List.of(
                "--signal=KILL",
                PATIENCE_SECONDS,
                qemu.toString(),
                "-no-user-config",
                "-nodefaults",
                "-no-reboot",
                "-display",
                "none",
                "-machine",
                "q35",
                "-accel",
                "kvm",
                "-cpu",
                "host",
                "-m",
                "128M",
                "-kernel",
                kernel.toString(),
                "-append",
                "earlyprintk=ttyS0 console=ttyS0 panic=-1",
                "-serial",
                "stdio");
    }
}
