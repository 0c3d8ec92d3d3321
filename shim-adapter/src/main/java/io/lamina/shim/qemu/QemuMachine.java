package io.lamina.shim.qemu;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A small machine for one image, as a command line of {@code qemu-system-x86_64} 8.0 or later: kernel and initramfs
 * given, no firmware to choose, no network, the flattened device on vhost-user-blk, a virtio-serial port for the agent.
 *
 * <p>Everything that comes from the host's process arrives as an inherited descriptor, so that the machine has no path
 * or socket name of its own and nothing of it can stay behind. Guest memory is a sealed memfd: vhost-user needs it
 * shared, and our data plane asks that it cannot shrink.
 *
 * @param accelerator what runs the guest's code
 * @param size memory and processors
 * @param kernel what is booted
 * @param diskFds connected vhost-user sockets: the image's, then others'
 * @param agentFd a connected stream socket
 * @param measured firmware and TPM; empty: the kernel is started directly and nothing measures it
 */
public record QemuMachine(
        Accelerator accelerator,
        Size size,
        Kernel kernel,
        List<Integer> diskFds,
        int agentFd,
        Optional<Measured> measured) {
    /**
     * What measures a boot. The kernel is then a unified one, which has its initramfs and arguments within.
     *
     * @param firmware path of UEFI firmware that measures
     * @param tpmSocket path of swtpm's control socket
     */
    public record Measured(String firmware, String tpmSocket) {}

    /** Keeps a copy. */
    public QemuMachine {
        diskFds = List.copyOf(diskFds);
    }

    /** A machine that measures nothing, with one disk. */
    public QemuMachine(Accelerator accelerator, Size size, Kernel kernel, int imageFd, int agentFd) {
        this(accelerator, size, kernel, List.of(imageFd), agentFd, Optional.empty());
    }

    /**
     * The size of a machine.
     *
     * @param memoryMiB guest memory
     * @param cpus virtual processors
     */
    public record Size(int memoryMiB, int cpus) {}

    /**
     * What is booted, without a boot loader.
     *
     * @param image path or {@code /dev/fd/N} of a bzImage
     * @param initramfs path or {@code /dev/fd/N} of the initramfs
     * @param arguments the kernel's command line
     */
    public record Kernel(String image, String initramfs, String arguments) {}

    /** Name of the virtio-serial port that the agent looks for. */
    public static final String AGENT_PORT = "lamina.agent.0";

    /** How guest code runs. */
    public enum Accelerator {
        KVM("host"),
        // TCG's own widest processor: it knows SHA and AES instructions, which verity and signatures live on.
        TCG("max");

        private final String cpuModel;

        Accelerator(String cpuModel) {
            this.cpuModel = cpuModel;
        }
    }

    /** The arguments, without the program's name. The console goes to the program's standard output. */
    public List<String> arguments() {
        List<String> line = new ArrayList<>();
        add(line, "-no-user-config", "-nodefaults", "-no-reboot");
        add(line, "-display", "none", "-monitor", "none", "-parallel", "none");
        add(line, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
        add(line, "-machine", "q35,usb=off,vmport=off,sata=off," + VhostUserDisk.machineMemory());
        add(line, "-accel", accelerator == Accelerator.KVM ? "kvm" : "tcg,thread=multi");
        add(line, "-cpu", accelerator.cpuModel, "-smp", Integer.toString(size.cpus), "-m", size.memoryMiB + "M");
        line.addAll(VhostUserDisk.memory(size.memoryMiB));
        add(line, "-kernel", kernel.image);
        if (measured.isEmpty()) {
            add(line, "-initrd", kernel.initramfs, "-append", kernel.arguments);
        } else {
            add(line, "-bios", measured.get().firmware());
            add(line, "-chardev", "socket,id=tpm,path=" + measured.get().tpmSocket());
            add(line, "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0");
        }
        add(line, "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console");
        for (int disk = 0; disk < diskFds.size(); disk++) {
            String name = disk == 0 ? "image" : "disk" + disk;
            line.addAll(VhostUserDisk.inherited(name, diskFds.get(disk)).arguments());
        }
        add(line, "-chardev", "socket,id=agent,fd=" + agentFd, "-device", "virtio-serial-pci");
        add(line, "-device", "virtserialport,chardev=agent,name=" + AGENT_PORT);
        add(line, "-device", "virtio-rng-pci");
        return List.copyOf(line);
    }

    private static void add(List<String> line, String... arguments) {
        line.addAll(List.of(arguments));
    }
}
