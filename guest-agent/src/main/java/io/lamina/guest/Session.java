package io.lamina.guest;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.Exited;
import io.lamina.agent.protocol.GuestHello;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Output;
import io.lamina.agent.protocol.Progress;
import io.lamina.agent.protocol.Refused;
import io.lamina.agent.protocol.Start;
import io.lamina.agent.protocol.Started;
import io.lamina.guest.SystemDevices.BlockDevice;
import io.lamina.images.evidence.Evidence;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.Clock;
import io.lamina.linux.Errno;
import io.lamina.linux.ExitStatus;
import io.lamina.linux.KernelMessages;
import io.lamina.linux.Pidfd;
import io.lamina.linux.Pipe;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One talk with the host, from its greeting to the end of the command. Every way through it ends with {@code Refused},
 * {@code Exited}, or an exception after which the machine goes off.
 */
final class Session {
    /** Serial number of the image's virtio-blk device. */
    static final String IMAGE_SERIAL = "lamina-image";

    /** As a shell says "found, but cannot be executed" and "not found". */
    private static final int STATUS_CANNOT_RUN = 126;

    private static final int STATUS_NOT_FOUND = 127;

    private final MessageChannel<HostMessage, GuestMessage> channel;
    private final SystemDevices devices;
    private final Path initdata;

    Session(MessageChannel<HostMessage, GuestMessage> channel, SystemDevices devices, Path initdata) {
        this.channel = channel;
        this.devices = devices;
        this.initdata = initdata;
    }

    /**
     * Runs the talk, then waits until the host has seen the end of it and asks for the machine's.
     *
     * @throws IOException if the host goes away, breaks the protocol, or something in the guest fails
     */
    void run(long startedNanos) throws IOException, InterruptedException {
        greet(startedNanos);
        HostMessage next = receive("Start");
        if (next.hasPowerOff()) {
            return;
        }
        if (!next.hasStart()) {
            throw new IOException("expected Start from the host, got " + next.getMessageCase());
        }
        try {
            start(next.getStart());
        } catch (RefusedException refused) {
            send(GuestMessage.newBuilder()
                    .setRefused(Refused.newBuilder()
                            .setCheck(refused.check())
                            .setExpected(refused.expected())
                            .setFound(refused.found())));
        }
        awaitPowerOff();
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

    private void start(Start start) throws IOException, InterruptedException, RefusedException {
        GuestPolicy policy = MeasuredPolicy.load(initdata);
        progress("policy");
        ImageProof proof = ImageProof.of(start, policy, Instant.now());
        progress("statement");
        BlockDevice disk = devices.disk(IMAGE_SERIAL);
        proof.checkDevice(disk);
        proof.checkOtherDisks(devices.disksBeside(disk));
        progress("device");
        measure(proof, start);
        if (start.getIntegrity() == Integrity.INTEGRITY_OFF) {
            runCommand(disk.node(), proof, start, null);
            return;
        }
        try (VerityDevice verity =
                VerityDevice.open(disk.node(), proof.statement().verity(), policy.onCorruption())) {
            progress("verity");
            VerityGeometry geometry = proof.statement().verity().geometry();
            if (start.getIntegrity() == Integrity.INTEGRITY_EAGER) {
                readAll(verity, geometry);
                progress("read");
            }
            try {
                runCommand(verity.node(), proof, start, verity);
            } catch (SystemCallException failure) {
                throw asRefusalIfCorrupted(failure, verity, geometry);
            }
        }
    }

    private static void readAll(VerityDevice verity, VerityGeometry geometry) throws IOException, RefusedException {
        try {
            verity.readAll();
        } catch (IOException failure) {
            throw asRefusalIfCorrupted(failure, verity, geometry);
        }
    }

    /** A failure that a corrupted block explains is a refusal that names the block. */
    private static <E extends IOException> E asRefusalIfCorrupted(
            E failure, VerityDevice verity, VerityGeometry geometry) throws IOException, RefusedException {
        if (verity.corrupted()) {
            throw new RefusedException(
                    "data-block",
                    "blocks with the hashes that the statement's root hash proves",
                    "corrupted blocks " + CorruptedBlocks.in(KernelMessages.readAll(), geometry));
        }
        return failure;
    }

    private void measure(ImageProof proof, Start start) throws IOException {
        Optional<Evidence> evidence = Measurement.of(
                proof.statementDigest(),
                devices.dev(),
                devices.sysfs(),
                start.getEvidenceNonce().toByteArray());
        if (evidence.isPresent()) {
            send(GuestMessage.newBuilder()
                    .setEvidence(io.lamina.agent.protocol.Evidence.newBuilder()
                            .setJson(ByteString.copyFrom(evidence.get().write()))));
        }
        progress("measured");
    }

    private void runCommand(Path device, ImageProof proof, Start start, @Nullable VerityDevice verity)
            throws IOException, InterruptedException, RefusedException {
        Path root = ContainerRoot.mount(
                ContainerRoot.BASE,
                device,
                proof.statement().upperLayer(),
                proof.policy().mountOptions());
        progress("mounted");
        Optional<Command> command = Command.of(proof.config().execution(), start.getCommandList());
        Exited.Builder exited;
        try {
            exited = command.isPresent()
                    ? run(command.get(), root)
                    : cannotRun(STATUS_NOT_FOUND, "the image has neither Entrypoint nor Cmd, and the host names none");
        } catch (SystemCallException failure) {
            boolean notFound = failure.call().equals("posix_spawn")
                    && (failure.errno() == Errno.ENOENT || failure.errno() == Errno.ENOTDIR);
            exited = cannotRun(notFound ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN, failure.getMessage());
        } catch (CommandException failure) {
            exited = cannotRun(STATUS_CANNOT_RUN, failure.getMessage());
        }
        if (verity != null && verity.corrupted()) {
            VerityGeometry geometry = proof.statement().verity().geometry();
            exited.addAllCorruptedBlocks(CorruptedBlocks.in(KernelMessages.readAll(), geometry));
            if (exited.getFailure().isEmpty()) {
                exited.setFailure("dm-verity found corrupted blocks");
            }
        }
        send(GuestMessage.newBuilder().setExited(exited));
    }

    private Exited.Builder run(Command command, Path root) throws IOException, InterruptedException, CommandException {
        Pipe stdout = Pipe.create();
        Pipe stderr = Pipe.create();
        try (Pidfd child = command.in(root)
                .descriptor(1, stdout.writeEnd())
                .descriptor(2, stderr.writeEnd())
                .newSession()
                .start()) {
            stdout.writeEnd().close();
            stderr.writeEnd().close();
            send(GuestMessage.newBuilder().setStarted(Started.getDefaultInstance()));
            OutputRelay out = OutputRelay.start(stdout.readEnd(), Output.Stream.STREAM_STDOUT, channel);
            OutputRelay err = OutputRelay.start(stderr.readEnd(), Output.Stream.STREAM_STDERR, channel);
            ExitStatus status = child.waitFor();
            out.drain();
            err.drain();
            return Exited.newBuilder().setStatus(status.asShell());
        }
    }

    private static Exited.Builder cannotRun(int status, @Nullable String failure) {
        return Exited.newBuilder().setStatus(status).setFailure(String.valueOf(failure));
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
