package io.lamina.host.run;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.Evidence;
import io.lamina.agent.protocol.GuestHello;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.Progress;
import io.lamina.agent.protocol.Start;
import io.lamina.host.attach.DataPlaneProcess;
import io.lamina.host.attach.ReadCheck;
import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.MemoryFiles;
import io.lamina.host.flatten.Steps;
import io.lamina.host.guestimage.GuestImage;
import io.lamina.host.guestimage.Initdata;
import io.lamina.host.guestimage.UnifiedKernel;
import io.lamina.host.store.BlobStore;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.layer.IndexedLayer;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageReference;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.linux.DataFile;
import io.lamina.linux.Memfd;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import io.lamina.shim.qemu.QemuMachine;
import io.lamina.shim.qemu.QemuMachine.Accelerator;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.server.DataPlaneClient;
import io.lamina.vhostuser.server.DeviceSpec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** One run: prepares the image, serves it, boots a machine, follows the agent, and cleans up. */
public final class ImageRun {
    /** Exit status: the image, or what reached the guest of it, failed a check. */
    public static final int STATUS_INTEGRITY = 123;

    /** Exit status: Lamina or the machine failed. */
    public static final int STATUS_LAMINA = 125;

    private static final int STATUS_CANNOT_RUN = 126;
    private static final int STATUS_NOT_FOUND = 127;

    private static final int SCRATCH_BLOCK_BYTES = 4096;

    private static final Path QEMU = Path.of("/usr/bin/qemu-system-x86_64");
    private static final int IMAGE_FD = 10;
    private static final int AGENT_FD = 11;
    private static final int BOOT_FD = 12;
    private static final int SCRATCH_FD = 13;

    private final Installation installation;
    private final Steps steps;
    private final Optional<MachineRequests> requests;

    /** Runs the image's command, or another one. */
    public ImageRun(Installation installation, Steps steps) {
        this(installation, steps, Optional.empty());
    }

    /** Runs no command; the machine waits for what {@code requests} asks of it. */
    public ImageRun(Installation installation, Steps steps, MachineRequests requests) {
        this(installation, steps, Optional.of(requests));
    }

    private ImageRun(Installation installation, Steps steps, Optional<MachineRequests> requests) {
        this.installation = installation;
        this.steps = steps;
        this.requests = requests;
    }

    /**
     * Runs an image.
     *
     * @return the command's exit status, or one of this class
     */
    public int run(RunOptions options) throws IOException, InterruptedException {
        GuestImage guest = steps.step(
                "guest image",
                () -> installation.guestImages().current(),
                image -> "kernel " + image.kernelRelease() + ", initramfs of "
                        + (image.sizes().compressedBytes() >> 20) + " MiB");
        StoredImage image = steps.step(
                "manifest", () -> ImageReference.parse(options.image()).open(), ImageRun::describe);
        ShownTrust trust = ShownTrust.of(options.trust(), installation.home());
        steps.say(trust.caution());
        KeptParts kept = KeptParts.in(options.diagnosis().keep());
        if (options.integrity() == Integrity.INTEGRITY_DIFFID) {
            return runFromTars(image, trust, options, guest, kept);
        }
        BlobStore store = BlobStore.open(installation.home().resolve("store"));
        try (FlattenedImage flattened = new ImagePreparation(store, steps).flatten(image)) {
            byte[] envelope = steps.step(
                    "statement",
                    () -> trust.envelope(flattened, image, options),
                    made -> made.length + " bytes, " + trust.origin());
            FlattenedDevice device =
                    tampered(flattened.device(), options.diagnosis().tamperOffsetBytes());
            kept.image(flattened, device, envelope);
            Start request = AgentSession.request(image.configBytes(), options)
                    .setStatementEnvelope(ByteString.copyFrom(envelope))
                    .build();
            Boot boot = boot(guest, policy(trust, options), options);
            ReadCheck check = options.machine().verifyOnRead();
            return serve(plane -> plane.describe(device, check, 1, false), request, boot, kept);
        }
    }

    /** Without a conversion: the guest gets the tars and does all by itself. */
    private int runFromTars(StoredImage image, ShownTrust trust, RunOptions options, GuestImage guest, KeptParts kept)
            throws IOException, InterruptedException {
        if (options.diagnosis().tamperOffsetBytes().isPresent()
                || options.trust().statement().isPresent()
                || options.machine().verifyOnRead() != ReadCheck.OFF) {
            throw new IOException(
                    "--integrity=diffid has no statement, and nothing that --tamper and --verify-on-read know");
        }
        if (image.manifestBytes().length == 0) {
            throw new IOException(
                    "--integrity=diffid needs an image with a manifest; a docker-archive has none: skopeo copy makes a layout");
        }
        try (TarDisk disk = steps.step(
                "layers",
                () -> TarDisk.of(image),
                made -> made.tarLengthsBytes().size() + " tars, as they are")) {
            Start request = AgentSession.request(image.configBytes(), options)
                    .setManifest(ByteString.copyFrom(image.manifestBytes()))
                    .addAllTarLengths(disk.tarLengthsBytes())
                    .build();
            Boot boot = boot(guest, trust.manifestPolicy(image), options);
            return serve(
                    plane -> plane.describe(disk.extents(), IndexedLayer.BLOCK_SIZE_BYTES, 1, false),
                    request,
                    boot,
                    kept);
        }
    }

    private Boot boot(GuestImage guest, GuestPolicy policy, RunOptions options)
            throws IOException, InterruptedException {
        byte[] initdata = steps.step(
                "initdata", () -> Initdata.of(policy), made -> made.length + " bytes, " + Digest.ofContent(made));
        Optional<EvidenceOptions> evidence = options.trust().evidence();
        OwnedFd booted = evidence.isPresent()
                ? MemoryFiles.of(
                        "kernel",
                        ByteBuffer.wrap(UnifiedKernel.of(guest, initdata)
                                .program(evidence.get().stub())))
                : MemoryFiles.joined("initramfs", guest.initramfs(), initdata);
        return new Boot(guest, options.machine(), booted, evidence);
    }

    /** Tells the data plane what the machine's disk is. */
    @FunctionalInterface
    private interface Served {
        DeviceSpec by(DataPlaneProcess plane) throws IOException;
    }

    /** What the machine boots: the guest's kernel with this run's initramfs, or both in one. */
    private record Boot(GuestImage guest, RunOptions.Machine size, OwnedFd file, Optional<EvidenceOptions> evidence)
            implements AutoCloseable {
        QemuMachine.Kernel kernel() {
            String path = "/dev/fd/" + BOOT_FD;
            return evidence.isPresent()
                    ? new QemuMachine.Kernel(path, "", "")
                    : new QemuMachine.Kernel(guest.kernel().toString(), path, GuestImage.KERNEL_ARGUMENTS);
        }

        @Override
        public void close() {
            file.close();
        }
    }

    private int serve(Served disk, Start request, Boot boot, KeptParts kept) throws IOException, InterruptedException {
        Accelerator accelerator = new AcceleratorProbe(QEMU, installation.home()).choose(boot.guest.kernel());
        QemuMachine machine = new QemuMachine(
                accelerator,
                new QemuMachine.Size(boot.size.memoryMiB(), boot.size.cpus()),
                boot.kernel(),
                boot.size.scratchBytes() > 0 ? List.of(IMAGE_FD, SCRATCH_FD) : List.of(IMAGE_FD),
                AGENT_FD,
                boot.evidence.map(asked -> new QemuMachine.Measured(
                        asked.firmware().toString(), asked.tpm().toString())));
        kept.machine(QEMU, machine);
        UnixSocket.Pair agent = UnixSocket.pair();
        try (boot;
                AgentSession session = new AgentSession(agent.first());
                DataPlaneProcess dataPlane = DataPlaneProcess.start(new DataPlaneTrouble(steps))) {
            DeviceSpec spec = disk.by(dataPlane);
            OwnedFd image = steps.step(
                    "data plane",
                    () -> dataPlane.serve(spec),
                    socket -> "process " + dataPlane.pid() + " serves "
                            + (spec.description().sizeBytes() >> 20) + " MiB in "
                            + spec.runs().size() + " extents");
            Map<Integer, OwnedFd> descriptors = new HashMap<>();
            descriptors.putAll(Map.of(IMAGE_FD, image, AGENT_FD, agent.second(), BOOT_FD, boot.file.duplicate()));
            if (boot.size.scratchBytes() > 0) {
                descriptors.put(SCRATCH_FD, serveScratch(dataPlane, boot.size.scratchBytes()));
            }
            long startedNanos = System.nanoTime();
            try (VirtualMachine running = VirtualMachine.start(QEMU, machine, descriptors)) {
                try {
                    Start asked =
                            request.toBuilder().setWait(requests.isPresent()).build();
                    return follow(session, asked, boot.evidence, new Started(accelerator, startedNanos), running);
                } finally {
                    kept.console(running.consoleTail());
                }
            }
        }
    }

    /** A disk without a name, which is gone with the machine. */
    private OwnedFd serveScratch(DataPlaneProcess dataPlane, long sizeBytes) throws IOException {
        Path file = Files.createTempFile(installation.home(), "scratch-", "");
        try (OwnedFd open = DataFile.openForWriting(file)) {
            Files.delete(file);
            Memfd.resize(open, sizeBytes);
            DeviceDescription disk = new DeviceDescription(sizeBytes, SCRATCH_BLOCK_BYTES, false, "lamina-scratch");
            return dataPlane.serve(dataPlane.describe(open, disk, 1, false));
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** When and how a machine was started. */
    private record Started(Accelerator accelerator, long atNanos) {}

    private int follow(
            AgentSession session,
            Start request,
            Optional<EvidenceOptions> evidence,
            Started started,
            VirtualMachine running)
            throws IOException, InterruptedException {
        GuestHello hello;
        try {
            hello = session.greet();
        } catch (IOException silent) {
            throw new IOException(silent.getMessage() + "; its console ended with:\n" + running.consoleTail(), silent);
        }
        steps.done(
                "boot",
                "Linux " + AgentSession.printable(hello.getKernelRelease()) + " under " + started.accelerator,
                System.nanoTime() - started.atNanos);
        session.start(request);
        GuestSteps guestSteps = new GuestSteps(steps, hello.getAgentStartedNs(), evidence);
        if (requests.isPresent()) {
            return requests.get().attend(session, running);
        }
        InputWindow stdin = new InputWindow(0, session);
        if (request.getInput()) {
            stdin.pump(System.in);
        }
        AgentSession.Ending ending = session.follow(System.out, System.err, stdin, guestSteps);
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

    /** A host that asks for no integrity and writes the policy itself lets the guest allow it; another's policy decides. */
    private static GuestPolicy policy(ShownTrust trust, RunOptions options) {
        return options.integrity() == Integrity.INTEGRITY_OFF
                        && options.trust().policy().isEmpty()
                ? trust.policy().allowing(GuestPolicy.Permission.INTEGRITY_OFF)
                : trust.policy();
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

    /** The guest's own steps, each with the time since the one before, and its evidence. */
    private static final class GuestSteps implements AgentSession.Listener {
        private final Steps steps;
        private final Optional<EvidenceOptions> asked;
        private long lastNs;

        GuestSteps(Steps steps, long agentStartedNs, Optional<EvidenceOptions> asked) {
            this.steps = steps;
            this.asked = asked;
            this.lastNs = agentStartedNs;
        }

        @Override
        public void progress(Progress progress) {
            steps.done(
                    "guest: " + AgentSession.printable(progress.getStep()),
                    "at " + progress.getAtNs() / 1_000_000 + " ms after the kernel's start",
                    progress.getAtNs() - lastNs);
            lastNs = progress.getAtNs();
        }

        @Override
        public void evidence(Evidence shown) throws IOException {
            if (asked.isEmpty()) {
                return;
            }
            Path file = asked.get().evidence();
            if (!shown.getJson().isEmpty()) {
                Files.write(file, shown.getJson().toByteArray());
            }
            if (!shown.getTsmReport().isEmpty()) {
                Files.write(
                        file.resolveSibling(file.getFileName() + ".tsm"),
                        shown.getTsmReport().toByteArray());
                steps.say("the guest's report by " + AgentSession.printable(shown.getTsmProvider()) + " is in " + file
                        + ".tsm");
            }
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
        public void wrongBlock(int deviceId, long startBytes, long count) {
            steps.say(ReadCheck.told(startBytes, count));
        }

        @Override
        public void lost() {
            steps.say("the data plane has ended; the machine cannot read its image any more");
        }
    }
}
