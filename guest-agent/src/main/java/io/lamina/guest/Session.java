package io.lamina.guest;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.Exited;
import io.lamina.agent.protocol.GuestHello;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HandedOver;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Progress;
import io.lamina.agent.protocol.Ready;
import io.lamina.agent.protocol.Refused;
import io.lamina.agent.protocol.Start;
import io.lamina.guest.SystemDevices.BlockDevice;
import io.lamina.images.evidence.Evidence;
import io.lamina.images.oci.ImageConfig;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.MeasuredStatement;
import io.lamina.images.statement.UpperLayer;
import io.lamina.linux.Clock;
import io.lamina.linux.KernelMessages;
import io.lamina.linux.Mount;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One talk with the host, from its greeting to the end of the command. Every way through it ends with {@code Refused},
 * {@code Exited}, or an exception after which the machine goes off.
 */
final class Session {
    /** Serial number of the image's virtio-blk device. */
    static final String IMAGE_SERIAL = "lamina-image";

    private final MessageChannel<HostMessage, GuestMessage> channel;
    private final SystemDevices devices;
    private final Path initdata;

    /** Where the root is left, proved and mounted, instead of a command being run in it. */
    private final Optional<Path> handOver;

    private boolean handedOver;

    /** Whether the host was listened to until it asked for the machine's end. */
    private boolean served;

    Session(
            MessageChannel<HostMessage, GuestMessage> channel,
            SystemDevices devices,
            Path initdata,
            Optional<Path> handOver) {
        this.channel = channel;
        this.devices = devices;
        this.initdata = initdata;
        this.handOver = handOver;
    }

    /**
     * Runs the talk, then waits until the host has seen the end of it and asks for the machine's, unless there is something
     * to go on with.
     *
     * @return whether the root was handed over
     * @throws IOException if the host goes away, breaks the protocol, or something in the guest fails
     */
    boolean run(long startedNanos) throws IOException, InterruptedException {
        greet(startedNanos);
        HostMessage next = receive("Start");
        if (next.hasPowerOff()) {
            return false;
        }
        if (!next.hasStart()) {
            throw new IOException("expected Start from the host, got " + next.getMessageCase());
        }
        try {
            start(next);
        } catch (RefusedException refused) {
            send(GuestMessage.newBuilder()
                    .setRefused(Refused.newBuilder()
                            .setCheck(refused.check())
                            .setExpected(refused.expected())
                            .setFound(refused.found())));
        }
        if (!handedOver && !served) {
            awaitPowerOff();
        }
        return handedOver;
    }

    private void greet(long startedNanos) throws IOException {
        checkHello(receive("HostHello"));
        send(GuestMessage.newBuilder()
                .setHello(GuestHello.newBuilder()
                        .setProtocolVersion(MessageChannel.PROTOCOL_VERSION)
                        .setKernelRelease(System.getProperty("os.version"))
                        .setAgentStartedNs(startedNanos)));
    }

    private static void checkHello(HostMessage hello) throws IOException {
        if (!hello.hasHello() || hello.getHello().getProtocolVersion() != MessageChannel.PROTOCOL_VERSION) {
            throw new IOException(
                    "expected HostHello of version " + MessageChannel.PROTOCOL_VERSION + " from the host");
        }
    }

    private void start(HostMessage request) throws IOException, InterruptedException, RefusedException {
        GuestPolicy policy = MeasuredPolicy.load(initdata);
        Requests.check(request, policy);
        Start start = request.getStart();
        if (handOver.isPresent() && start.getCommandCount() > 0) {
            throw new RefusedException(
                    "command",
                    "none: this guest hands its root over and runs nothing",
                    start.getCommand(0).toStringUtf8());
        }
        progress("policy");
        if (start.getIntegrity() == Integrity.INTEGRITY_DIFFID) {
            startFromTars(start, policy);
            return;
        }
        ImageProof proof = ImageProof.of(start, policy, Instant.now());
        progress("statement");
        Disks disks = disks(policy, proof.statement().upperLayer());
        BlockDevice disk = disks.image;
        proof.checkDevice(disk);
        progress("device");
        measure(new Evidence.Event(MeasuredStatement.PCR, Evidence.STATEMENT_EVENT, proof.statementDigest()), start);
        Container container =
                new Container(policy, proof.config(), proof.statement().upperLayer(), disks.scratch);
        if (start.getIntegrity() == Integrity.INTEGRITY_OFF) {
            runCommand(disk.node(), container, start, null);
            return;
        }
        VerityDevice.Proved proved =
                VerityDevice.Proved.of(disk.node(), proof.statement().verity());
        runProved(proved, container, start);
    }

    private void startFromTars(Start start, GuestPolicy policy)
            throws IOException, InterruptedException, RefusedException {
        ManifestProof proof = ManifestProof.of(start, policy);
        progress("manifest");
        Disks disks = disks(policy, UpperLayer.SCRATCH);
        BlockDevice disk = disks.image;
        proof.checkDevice(disk);
        progress("device");
        Modules.load(Modules.LOOP);
        VerityDevice.Proved proved = TarDevice.prove(proof, disk.node(), ContainerRoot.BASE.resolve("proof"));
        progress("layers");
        measure(new Evidence.Event(MeasuredStatement.PCR, Evidence.MANIFEST_EVENT, proof.manifestDigest()), start);
        runProved(proved, new Container(policy, proof.config(), UpperLayer.SCRATCH, disks.scratch), start);
    }

    /** The disks that the guest uses. */
    private record Disks(BlockDevice image, Optional<BlockDevice> scratch) {}

    private Disks disks(GuestPolicy policy, UpperLayer upperLayer) throws IOException, RefusedException {
        BlockDevice image = devices.disk(IMAGE_SERIAL);
        Optional<BlockDevice> scratch = devices.optionalDisk(ScratchDisk.SERIAL);
        Set<Path> used = new HashSet<>(Set.of(image.node()));
        if (scratch.isPresent()) {
            ImageProof.checkScratch(scratch.get(), upperLayer, policy);
            used.add(scratch.get().node());
        }
        ImageProof.checkOtherDisks(devices.disksBeside(used), policy);
        return new Disks(image, scratch);
    }

    /** What is to run, once it is proved. */
    private record Container(
            GuestPolicy policy, ImageConfig config, UpperLayer upperLayer, Optional<BlockDevice> scratch) {}

    private void runProved(VerityDevice.Proved proved, Container container, Start start)
            throws IOException, InterruptedException, RefusedException {
        try (VerityDevice verity = VerityDevice.open(proved, container.policy.onCorruption())) {
            progress("verity");
            if (start.getIntegrity() == Integrity.INTEGRITY_EAGER) {
                readAll(verity);
                progress("read");
            }
            try {
                runCommand(verity.node(), container, start, verity);
            } catch (SystemCallException failure) {
                throw asRefusalIfCorrupted(failure, verity);
            }
        }
    }

    private static void readAll(VerityDevice verity) throws IOException, RefusedException {
        try {
            verity.readAll();
        } catch (IOException failure) {
            throw asRefusalIfCorrupted(failure, verity);
        }
    }

    /** A failure that a corrupted block explains is a refusal that names the block. */
    private static <E extends IOException> E asRefusalIfCorrupted(E failure, VerityDevice verity)
            throws IOException, RefusedException {
        if (verity.corrupted()) {
            throw new RefusedException(
                    "data-block",
                    "blocks with the hashes that the statement's root hash proves",
                    "corrupted blocks " + CorruptedBlocks.in(KernelMessages.readAll(), verity.geometry()));
        }
        return failure;
    }

    private void measure(Evidence.Event event, Start start) throws IOException {
        byte[] nonce = start.getEvidenceNonce().toByteArray();
        Optional<Evidence> evidence = Measurement.of(event, devices.dev(), devices.sysfs(), nonce);
        Optional<TsmReport> report = nonce.length == 0
                ? Optional.empty()
                : TsmReport.of(devices.sysfs(), TsmReport.data(nonce, event.digest()));
        if (evidence.isPresent() || report.isPresent()) {
            var message = io.lamina.agent.protocol.Evidence.newBuilder();
            evidence.ifPresent(shown -> message.setJson(ByteString.copyFrom(shown.write())));
            report.ifPresent(shown ->
                    message.setTsmProvider(shown.provider()).setTsmReport(ByteString.copyFrom(shown.report())));
            send(GuestMessage.newBuilder().setEvidence(message));
        }
        progress("measured");
    }

    private void runCommand(Path device, Container container, Start start, @Nullable VerityDevice verity)
            throws IOException, InterruptedException, RefusedException {
        Optional<Path> scratch = scratch(container.scratch);
        ContainerRoot root = ContainerRoot.mount(
                ContainerRoot.BASE, device, container.upperLayer, scratch, container.policy.mountOptions());
        progress("mounted");
        if (handOver.isPresent()) {
            handOver(root.path(), handOver.get());
            return;
        }
        ContainerRoot.fill(root.path());
        progress("container");
        Workload workload = new Workload(
                channel,
                new Workload.Terms(container.policy, container.config.execution()),
                root,
                exited -> addCorruption(exited, verity));
        if (start.getWait()) {
            send(GuestMessage.newBuilder().setReady(Ready.getDefaultInstance()));
        } else {
            workload.startMain(start, failure -> {
                if (verity != null) {
                    IOException _ = asRefusalIfCorrupted(failure, verity);
                }
            });
        }
        served = true;
        workload.serve();
    }

    private static void addCorruption(Exited.Builder exited, @Nullable VerityDevice verity) throws IOException {
        if (verity != null && verity.corrupted()) {
            exited.addAllCorruptedBlocks(CorruptedBlocks.in(KernelMessages.readAll(), verity.geometry()));
            if (exited.getFailure().isEmpty()) {
                exited.setFailure("dm-verity found corrupted blocks");
            }
        }
    }

    private Optional<Path> scratch(Optional<BlockDevice> disk)
            throws IOException, InterruptedException, RefusedException {
        if (disk.isEmpty()) {
            return Optional.empty();
        }
        Modules.load(Modules.SCRATCH);
        Path node = ScratchDisk.format(disk.get());
        progress("scratch");
        return Optional.of(node);
    }

    private void handOver(Path root, Path target) throws IOException {
        Mount.move(root.toString(), Files.createDirectories(target).toString());
        send(GuestMessage.newBuilder().setHandedOver(HandedOver.newBuilder().setPath(target.toString())));
        handedOver = true;
    }

    /** The last message is on its way only once the host says so: what is still queued goes away with the machine. */
    private void awaitPowerOff() throws IOException {
        Optional<HostMessage> last = channel.receive();
        while (last.isPresent() && !last.get().hasPowerOff()) {
            last = channel.receive();
        }
    }

    private HostMessage receive(String expected) throws IOException {
        return channel.receive()
                .orElseThrow(() -> new IOException("the host went away instead of sending " + expected));
    }

    private void progress(String step) throws IOException {
        send(GuestMessage.newBuilder()
                .setProgress(Progress.newBuilder().setStep(step).setAtNs(Clock.bootTimeNanos())));
    }

    private void send(GuestMessage.Builder message) throws IOException {
        channel.send(message.build());
    }
}
