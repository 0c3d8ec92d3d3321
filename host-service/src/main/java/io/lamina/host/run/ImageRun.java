package io.lamina.host.run;

import io.lamina.agent.protocol.GuestHello;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.Progress;
import io.lamina.agent.protocol.Start;
import io.lamina.host.attach.DataPlaneProcess;
import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.MemoryFiles;
import io.lamina.host.flatten.Steps;
import io.lamina.host.guestimage.GuestImage;
import io.lamina.host.guestimage.GuestImages;
import io.lamina.host.guestimage.Initdata;
import io.lamina.host.store.BlobStore;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.ImageReference;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.statement.StatementSigner;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import io.lamina.shim.qemu.QemuMachine;
import io.lamina.shim.qemu.QemuMachine.Accelerator;
import io.lamina.vhostuser.server.DataPlaneClient;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** One run: prepares the image, serves it, boots a machine, follows the agent, and cleans up. */
public final class ImageRun {
    /** Exit status: the image, or what reached the guest of it, failed a check. */
    public static final int STATUS_INTEGRITY = 123;

    /** Exit status: Lamina or the machine failed. */
    public static final int STATUS_LAMINA = 125;

    private static final int STATUS_CANNOT_RUN = 126;
    private static final int STATUS_NOT_FOUND = 127;

    private static final Path QEMU = Path.of("/usr/bin/qemu-system-x86_64");
    private static final int IMAGE_FD = 10;
    private static final int AGENT_FD = 11;
    private static final int INITRAMFS_FD = 12;

    private final Installation installation;
    private final Steps steps;

    public ImageRun(Installation installation, Steps steps) {
        this.installation = installation;
        this.steps = steps;
    }

    /**
     * Runs an image.
     *
     * @return the command's exit status, or one of this class
     */
    public int run(RunOptions options) throws IOException, InterruptedException {
        GuestImage guest = steps.step(
                "guest image",
                () -> new GuestImages(installation.home().resolve("guest"), installation.agentJars()).current(),
                image -> "kernel " + image.kernelRelease() + ", initramfs of "
                        + (image.sizes().compressedBytes() >> 20) + " MiB");
        StoredImage image = steps.step(
                "manifest", () -> ImageReference.parse(options.image()).open(), ImageRun::describe);
        SigningKeys signer = SigningKeys.find(options.key(), installation.home());
        BlobStore store = BlobStore.open(installation.home().resolve("store"));
        try (FlattenedImage flattened = new ImagePreparation(store, steps).flatten(image)) {
            byte[] envelope = steps.step(
                    "statement",
                    () -> StatementSigner.sign(flattened.statement(options.image(), image), List.of(signer.key())),
                    made -> made.length + " bytes, signed with " + signer.name());
            if (!signer.ofTheUser()) {
                steps.say("the development key protects from corruption, not from this host; --key takes one of yours");
            }
            FlattenedDevice device = tampered(flattened.device(), options.tamperOffsetBytes());
            KeptParts kept = KeptParts.in(options.keep());
            kept.image(flattened, device, envelope);
            Start request = AgentSession.request(envelope, image.configBytes(), options.integrity(), options.command());
            return serve(device, request, new Boot(guest, options.machine(), initramfs(guest, signer, options)), kept);
        }
    }

    /** What the machine boots. */
    private record Boot(GuestImage guest, RunOptions.Machine size, OwnedFd initramfs) implements AutoCloseable {
        @Override
        public void close() {
            initramfs.close();
        }
    }

    private int serve(FlattenedDevice device, Start request, Boot boot, KeptParts kept)
            throws IOException, InterruptedException {
        Accelerator accelerator = new AcceleratorProbe(QEMU, installation.home()).choose(boot.guest.kernel());
        QemuMachine machine = new QemuMachine(
                accelerator,
                new QemuMachine.Size(boot.size.memoryMiB(), boot.size.cpus()),
                new QemuMachine.Kernel(
                        boot.guest.kernel().toString(), "/dev/fd/" + INITRAMFS_FD, GuestImage.KERNEL_ARGUMENTS),
                IMAGE_FD,
                AGENT_FD);
        kept.machine(QEMU, machine);
        UnixSocket.Pair agent = UnixSocket.pair();
        try (boot;
                AgentSession session = new AgentSession(agent.first());
                DataPlaneProcess dataPlane = DataPlaneProcess.start(new DataPlaneTrouble(steps))) {
            OwnedFd image = steps.step(
                    "data plane",
                    () -> dataPlane.serve(device),
                    socket -> "process " + dataPlane.pid() + " serves " + (device.sizeBytes() >> 20) + " MiB in "
                            + device.extents().size() + " extents");
            long startedNanos = System.nanoTime();
            try (VirtualMachine running = VirtualMachine.start(
                    QEMU,
                    machine,
                    Map.of(IMAGE_FD, image, AGENT_FD, agent.second(), INITRAMFS_FD, boot.initramfs.duplicate()))) {
                try {
                    return follow(session, request, accelerator, startedNanos, running);
                } finally {
                    kept.console(running.consoleTail());
                }
            }
        }
    }

    private int follow(
            AgentSession session, Start request, Accelerator accelerator, long startedNanos, VirtualMachine running)
            throws IOException, InterruptedException {
        GuestHello hello;
        try {
            hello = session.greet();
        } catch (IOException silent) {
            throw new IOException(silent.getMessage() + "; its console ended with:\n" + running.consoleTail(), silent);
        }
        steps.done(
                "boot",
                "Linux " + AgentSession.printable(hello.getKernelRelease()) + " under " + accelerator,
                System.nanoTime() - startedNanos);
        session.start(request);
        GuestSteps guestSteps = new GuestSteps(steps, hello.getAgentStartedNs());
        AgentSession.Ending ending = session.follow(System.out, System.err, guestSteps::done);
        return switch (ending) {
            case AgentSession.Ending.Ended(int status, String failure, List<Long> corrupted) -> {
                session.powerOff();
                steps.step(
                        "shutdown",
                        () -> {
                            running.awaitPowerOff();
                            return status;
                        },
                        code -> "the command's exit status was " + code);
                if (!failure.isEmpty()) {
                    System.err.println("lamina: " + failure);
                }
                if (!corrupted.isEmpty()) {
                    System.err.println(
                            "lamina: the guest read corrupted data: block" + (corrupted.size() > 1 ? "s " : " ")
                                    + corrupted + " of the device; the run has failed whatever the command made of it");
                }
                // The agent names no failure of a command that ran, but for what dm-verity found.
                boolean ran = status != STATUS_CANNOT_RUN && status != STATUS_NOT_FOUND;
                yield corrupted.isEmpty() && (failure.isEmpty() || !ran) ? status : STATUS_INTEGRITY;
            }
            case AgentSession.Ending.RefusedImage(String check, String expected, String found) -> {
                System.err.println("lamina: the guest refused the image at its check \"" + check + "\": expected "
                        + expected + ", found " + found);
                yield STATUS_INTEGRITY;
            }
            case AgentSession.Ending.Lost(String how) -> {
                System.err.println("lamina: " + how + "; its console ended with:\n" + running.consoleTail());
                yield STATUS_LAMINA;
            }
        };
    }

    /** The guest image and, behind it, whom this guest trusts: a memory file, as all that a run makes. */
    private static OwnedFd initramfs(GuestImage guest, SigningKeys signer, RunOptions options) throws IOException {
        byte[] initdata = Initdata.of(List.of(signer.publicPem()), 1, options.integrity() == Integrity.INTEGRITY_OFF);
        return MemoryFiles.joined("initramfs", guest.initramfs(), initdata);
    }

    private static FlattenedDevice tampered(FlattenedDevice device, OptionalLong offsetBytes) throws IOException {
        if (offsetBytes.isEmpty()) {
            return device;
        }
        long offset = offsetBytes.getAsLong();
        if (offset < 0 || offset >= device.sizeBytes()) {
            throw new IOException("--tamper " + offset + ": the device has the bytes 0 to " + (device.sizeBytes() - 1));
        }
        return device.withFlippedByte(offset);
    }

    private static String describe(StoredImage image) {
        return image.manifestDigest() + ", " + image.layers().size() + " layers";
    }

    /** The guest's own steps, each with the time since the one before. */
    private static final class GuestSteps {
        private final Steps steps;
        private long lastNs;

        GuestSteps(Steps steps, long agentStartedNs) {
            this.steps = steps;
            this.lastNs = agentStartedNs;
        }

        void done(Progress progress) {
            steps.done(
                    "guest: " + AgentSession.printable(progress.getStep()),
                    "at " + progress.getAtNs() / 1_000_000 + " ms after the kernel's start",
                    progress.getAtNs() - lastNs);
            lastNs = progress.getAtNs();
        }
    }

    /** What the data plane tells unasked. */
    private record DataPlaneTrouble(Steps steps) implements DataPlaneClient.Listener {
        @Override
        public void connected(int deviceId, UnixSocket.PeerCredentials peer) {
            // Expected: QEMU at its start.
        }

        @Override
        public void ended(int deviceId, String why) {
            // Expected: QEMU at its end. Where it is not, the agent's stream tells.
        }

        @Override
        public void lost() {
            steps.say("the data plane has ended; the machine cannot read its image any more");
        }
    }
}
