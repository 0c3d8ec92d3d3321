package io.lamina.guest;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostHello;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Start;
import io.lamina.agent.protocol.Terminal;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageConfig;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.StatementSigner;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.TrustedKeys;
import io.lamina.images.statement.UpperLayer;
import io.lamina.images.statement.Validity;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.Clock;
import io.lamina.linux.DeviceFile;
import io.lamina.linux.KernelMessages;
import io.lamina.linux.KernelModule;
import io.lamina.linux.Mount;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Goes the agent's way on the machine that builds the guest image, as far as that does no harm there, so that the Java
 * runtime can record which classes the agent uses: they go into an archive from which the guest starts several times as
 * fast as from jars. Calls that only a guest may make get a path that does not exist.
 */
public final class Rehearsal {
    private static final String NOWHERE = "/nonexistent/lamina";

    /** Files of a rehearsal: the guest's own, and what its host says. */
    private static final String GUEST = "guest";

    private static final String REQUESTS = "requests";

    private static final String CONFIG = """
            {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []},
             "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["true"], "User": "0:0", "WorkingDir": "/"}}
            """;

    private Rehearsal() {}

    /**
     * Takes an empty directory for the files it needs. With a second argument, one in which a rehearsal was: then only the
     * talk with the host is gone through again, and told is how long that took from here to where it ended.
     */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        long startedNanos = System.nanoTime();
        Path directory = Path.of(arguments[0]);
        if (arguments.length > 1) {
            Thread _ = WarmUp.start(directory.resolve(GUEST));
            long _ = Clock.bootTimeNanos(); // the agent's first step, too
            attempt(() -> session(directory));
            System.out.println("took " + (System.nanoTime() - startedNanos) / 1000 + " us");
            return;
        }
        attempt(() -> KernelModule.load(Path.of(NOWHERE)));
        talk(directory);
        attempt(() -> Mount.mount("none", NOWHERE, NOWHERE, 0, ""));
        attempt(() -> DeviceFile.makeCharacterDevice(NOWHERE, 0, 0, 0));
        attempt(() -> new HostPort(Files.createFile(directory.resolve("port"))).close());
        attempt(() -> CorruptedBlocks.in(KernelMessages.readAll(), VerityGeometry.STANDARD));
        attempt(() -> requests(directory));
        attempt(() -> ContainerRoot.mount(directory, Path.of(NOWHERE), UpperLayer.MEMORY, Optional.empty(), Set.of()));
        command();
    }

    /** A whole talk with a host, over a statement signed by a key of the moment. */
    private static void talk(Path directory) throws IOException, InterruptedException {
        SigningKey key = SigningKey.generateEd25519();
        TrustPolicy trust = new TrustPolicy(
                new TrustedKeys(List.of(key.publicKey().orElseThrow())),
                1,
                TrustPolicy.Revocations.NONE,
                List.of(ImageRule.ANY));
        Path guest = Files.createDirectory(directory.resolve(GUEST));
        Files.write(guest.resolve("policy.json"), GuestPolicy.standard(trust).write());
        Path disk = Files.createDirectories(directory.resolve("sys/block/disk/queue"));
        Path port = Files.createDirectories(directory.resolve("sys/class/virtio-ports/port"));
        Files.writeString(port.resolve("name"), HostPort.NAME + "\n");
        byte[] config = CONFIG.getBytes(StandardCharsets.UTF_8);
        ImageStatement statement = statement(config);
        long sectors = statement.verity().deviceSizeBytes() / 512;
        Files.writeString(disk.resolveSibling("serial"), Session.IMAGE_SERIAL + "\n");
        Files.writeString(disk.resolveSibling("size"), sectors + "\n");
        Files.writeString(disk.resolve("logical_block_size"), "512\n");

        ByteArrayOutputStream requests = new ByteArrayOutputStream();
        MessageChannel<GuestMessage, HostMessage> host =
                new MessageChannel<>(new ByteArrayInputStream(new byte[0]), requests, GuestMessage.parser());
        host.send(HostMessage.newBuilder()
                .setHello(HostHello.newBuilder().setProtocolVersion(MessageChannel.PROTOCOL_VERSION))
                .build());
        host.send(HostMessage.newBuilder()
                .setStart(Start.newBuilder()
                        .setStatementEnvelope(ByteString.copyFrom(StatementSigner.sign(statement, List.of(key))))
                        .setImageConfig(ByteString.copyFrom(config))
                        .setIntegrity(Integrity.INTEGRITY_ROOT))
                .build());
        Files.write(directory.resolve(REQUESTS), requests.toByteArray());
        attempt(() -> devices(directory).port(HostPort.NAME));
        WarmUp.start(guest).join();
        attempt(() -> session(directory));
    }

    private static SystemDevices devices(Path directory) {
        return new SystemDevices(directory.resolve("sys"), directory.resolve("dev"));
    }

    /** Ends where the agent wants a device-mapper. */
    private static void session(Path directory) throws IOException, InterruptedException {
        byte[] requests = Files.readAllBytes(directory.resolve(REQUESTS));
        boolean _ =
                new Session(channel(requests), devices(directory), directory.resolve(GUEST), Optional.empty()).run(0);
    }

    /** A command in the root of this machine, whose output is carried like a container's. */
    private static void command() throws IOException, InterruptedException {
        ImageConfig config = ImageConfig.parse(CONFIG.getBytes(StandardCharsets.UTF_8));
        Command command = Command.of(config.execution(), List.of()).orElseThrow();
        attempt(() -> command.in(Path.of("/")));
        try (ContainerProcess process = ContainerProcess.start(
                command.spawn(List.of("/usr/bin/true", "/bin/true"), List.of()).directory("/"),
                Path.of(NOWHERE),
                new ContainerProcess.Streams(0, true, Optional.empty()),
                channel(new byte[0]))) {
            int _ = process.waitFor();
        }
        attempt(() -> ContainerProcess.start(
                        command.spawn(List.of(NOWHERE), List.of()),
                        Path.of(NOWHERE),
                        new ContainerProcess.Streams(0, true, Optional.of(Terminal.getDefaultInstance())),
                        channel(new byte[0]))
                .close());
    }

    /** What a host asks of a container that runs, here of a directory. */
    private static void requests(Path directory) throws IOException {
        Path container = directory.resolve("container");
        Files.writeString(Files.createDirectories(container.resolve("etc")).resolve("file"), "text");
        ByteArrayOutputStream tar = new ByteArrayOutputStream();
        ContainerFiles.copyOut(container, "/etc", tar);
        ContainerFiles.copyIn(container, "/copy", new ByteArrayInputStream(tar.toByteArray()));
    }

    private static ImageStatement statement(byte[] config) {
        Digest digest = Digest.ofContent(config);
        long blocks = FlattenedDevice.PART_ALIGNMENT_BYTES / VerityGeometry.STANDARD.dataBlockSizeBytes();
        return new ImageStatement(
                new ImageStatement.Image("rehearsal", digest, digest, 0),
                new ImageStatement.Contents(
                        1,
                        new ImageStatement.Fsmeta(digest, blocks),
                        List.of(new ImageStatement.Layer(digest, blocks, digest))),
                new ImageStatement.VerityTable(VerityGeometry.STANDARD, 2 * blocks, 2 * blocks, digest),
                UpperLayer.MEMORY,
                Validity.ALWAYS);
    }

    private static MessageChannel<HostMessage, GuestMessage> channel(byte[] requests) {
        return new MessageChannel<>(
                new ByteArrayInputStream(requests), OutputStream.nullOutputStream(), HostMessage.parser());
    }

    /** What cannot succeed here has been rehearsed by trying. */
    private static void attempt(Step step) {
        try {
            step.run();
        } catch (Exception expected) {
            System.out.println("rehearsed: " + expected);
        }
    }

    private interface Step {
        void run() throws Exception;
    }
}
