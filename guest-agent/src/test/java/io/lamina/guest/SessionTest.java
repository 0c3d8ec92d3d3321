package io.lamina.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostHello;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Refused;
import io.lamina.agent.protocol.Start;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.StatementSigner;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.TrustedKey;
import io.lamina.images.statement.TrustedKeys;
import io.lamina.images.statement.UpperLayer;
import io.lamina.images.statement.Validity;
import io.lamina.images.verity.VerityGeometry;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every check up to the device, against a sysfs and an initramfs made of plain files. */
class SessionTest {
    private static final byte[] CONFIG =
            "{\"rootfs\": {\"type\": \"layers\", \"diff_ids\": []}}".getBytes(StandardCharsets.UTF_8);
    private static final SigningKey KEY = SigningKey.generateEd25519();

    @TempDir
    Path directory;

    private Path disk;

    @BeforeEach
    void aGuestWithOneKeyAndTheRightDevice() throws IOException {
        Files.createDirectories(directory.resolve("guest"));
        policy(GuestPolicy.standard(trusting(1, KEY)));
        disk = Files.createDirectories(directory.resolve("sys/block/vdb"));
        Files.writeString(disk.resolve("serial"), "lamina-image\n");
        Files.writeString(disk.resolve("size"), statement().verity().deviceSizeBytes() / 512 + "\n");
        Files.createDirectories(disk.resolve("queue"));
        Files.writeString(disk.resolve("queue/logical_block_size"), "4096\n");
        Files.createDirectories(directory.resolve("sys/block/vda"));
    }

    @Test
    void anotherKeyIsRefused() throws Exception {
        Start start = start(StatementSigner.sign(statement(), List.of(SigningKey.generateEd25519())));
        assertEquals("statement-signature", refused(start).getCheck());
    }

    @Test
    void aGuestWithoutAPolicyRefusesEverything() throws Exception {
        Files.delete(directory.resolve("guest/policy.json"));
        assertEquals("policy", refused(start(signed())).getCheck());
    }

    @Test
    void thePolicysThresholdIsThatOfTheGuest() throws Exception {
        policy(GuestPolicy.standard(trusting(2, KEY, SigningKey.generateEd25519())));
        assertEquals("statement-signature", refused(start(signed())).getCheck());
    }

    @Test
    void theConfidentialProfileAllowsNoOtherCommandAndNoOtherDisk() throws Exception {
        GuestPolicy confidential = new GuestPolicy(
                trusting(1, KEY), GuestPolicy.Profile.CONFIDENTIAL, Set.of(), GuestPolicy.OnCorruption.ERROR, Set.of());
        policy(confidential);
        Start other = start(signed()).toBuilder()
                .addCommand(ByteString.copyFromUtf8("sh"))
                .build();
        assertEquals("command", refused(other).getCheck());
        Files.createDirectories(directory.resolve("sys/block/vda/device"));
        assertEquals("other-devices", refused(start(signed())).getCheck());
        assertEquals("vda", refused(start(signed())).getFound());
        policy(confidential.allowing(GuestPolicy.Permission.COMMAND));
        assertEquals("other-devices", refused(other).getCheck());
    }

    @Test
    void integrityOffNeedsThePolicysLeaveAndAnUnknownOneIsRefused() throws Exception {
        Start.Builder off = start(signed()).toBuilder().setIntegrity(Integrity.INTEGRITY_OFF);
        assertEquals("integrity", refused(off.build()).getCheck());
        assertEquals("integrity", refused(off.setIntegrityValue(17).build()).getCheck());
        assertEquals("integrity", refused(off.clearIntegrity().build()).getCheck());
    }

    @Test
    void aChangedConfigurationIsRefusedWithBothDigests() throws Exception {
        byte[] changed = "{\"rootfs\": {\"type\": \"layers\"}}".getBytes(StandardCharsets.UTF_8);
        Refused refused = refused(start(signed()).toBuilder()
                .setImageConfig(ByteString.copyFrom(changed))
                .build());
        assertEquals("config-digest", refused.getCheck());
        assertEquals(Digest.ofContent(CONFIG).toString(), refused.getExpected());
        assertEquals(Digest.ofContent(changed).toString(), refused.getFound());
    }

    @Test
    void aDeviceOfAnotherSizeOrBlockSizeIsRefused() throws Exception {
        long sectors = statement().verity().deviceSizeBytes() / 512;
        for (long other : new long[] {0, sectors - 8, sectors + 8}) {
            Files.writeString(disk.resolve("size"), other + "\n");
            Refused refused = refused(start(signed()));
            assertEquals("device-size", refused.getCheck());
            assertEquals(other * 512 + " bytes", refused.getFound());
        }
        Files.writeString(disk.resolve("size"), sectors + "\n");
        Files.writeString(disk.resolve("queue/logical_block_size"), "8192\n");
        assertEquals("device-block-size", refused(start(signed())).getCheck());
    }

    @Test
    void noDeviceAndASecondDeviceOfTheSameNameAreRefused() throws Exception {
        Files.writeString(directory.resolve("sys/block/vda/serial"), "lamina-image\n");
        assertEquals("2", refused(start(signed())).getFound());
        Files.delete(directory.resolve("sys/block/vda/serial"));
        Files.writeString(disk.resolve("serial"), "lamina-image2\n");
        assertEquals("device-count", refused(start(signed())).getCheck());
    }

    @Test
    void aPolicyThatIsNotUnderstoodRefusesEverything() throws Exception {
        String trust = "\"trust\":" + new String(trusting(1, KEY).write(), StandardCharsets.UTF_8);
        for (String policy : List.of(
                "[]",
                "{\"version\":1}",
                "{\"version\":2," + trust + "}",
                "{\"version\":1," + trust + ",\"onlyImages\":[]}",
                "{\"version\":1," + trust + ",\"allow\":[\"everything\"]}")) {
            Files.writeString(directory.resolve("guest/policy.json"), policy);
            assertEquals("policy", refused(start(signed())).getCheck(), policy);
        }
    }

    @Test
    void anotherProtocolVersionAndAnotherOrderEndTheTalk() throws Exception {
        assertThrows(IOException.class, () -> talk(hello(2)));
        assertThrows(IOException.class, () -> talk(startMessage(start(signed()))));
        assertThrows(IOException.class, () -> talk(hello(1), hello(1)));
        assertThrows(IOException.class, () -> talk(hello(1)));
    }

    @Test
    void theTableIsMadeOfTheStatementAlone() {
        ImageStatement.VerityTable table = statement().verity();
        assertEquals(
                "1 /dev/vdb /dev/vdb 4096 4096 256 256 sha256 "
                        + Digest.ofContent(CONFIG).hex() + " " + "0".repeat(64),
                VerityDevice.target(VerityDevice.Proved.of(Path.of("/dev/vdb"), table), GuestPolicy.OnCorruption.ERROR)
                        .parameters());
        assertTrue(
                VerityDevice.target(VerityDevice.Proved.of(Path.of("/dev/vdb"), table), GuestPolicy.OnCorruption.PANIC)
                        .parameters()
                        .endsWith(" 1 panic_on_corruption"));
        assertEquals(
                2048,
                VerityDevice.target(VerityDevice.Proved.of(Path.of("/dev/vdb"), table), GuestPolicy.OnCorruption.ERROR)
                        .lengthSectors());
    }

    private Refused refused(Start start) throws Exception {
        GuestMessage last = talk(hello(1), startMessage(start)).getLast();
        assertTrue(last.hasRefused(), () -> "last message " + last.getMessageCase());
        return last.getRefused();
    }

    /** What the guest answers to these messages, after which the host goes away. */
    private List<GuestMessage> talk(HostMessage... messages) throws IOException, InterruptedException {
        ByteArrayOutputStream sent = new ByteArrayOutputStream();
        MessageChannel<GuestMessage, HostMessage> host =
                new MessageChannel<>(new ByteArrayInputStream(new byte[0]), sent, GuestMessage.parser());
        for (HostMessage message : messages) {
            host.send(message);
        }
        ByteArrayOutputStream answers = new ByteArrayOutputStream();
        SystemDevices devices = new SystemDevices(directory.resolve("sys"), Path.of("/nonexistent"));
        MessageChannel<HostMessage, GuestMessage> channel =
                new MessageChannel<>(new ByteArrayInputStream(sent.toByteArray()), answers, HostMessage.parser());
        boolean _ = new Session(channel, devices, directory.resolve("guest"), Optional.empty()).run(1);

        MessageChannel<GuestMessage, HostMessage> reader = new MessageChannel<>(
                new ByteArrayInputStream(answers.toByteArray()), new ByteArrayOutputStream(), GuestMessage.parser());
        List<GuestMessage> received = new ArrayList<>();
        for (Optional<GuestMessage> next = reader.receive(); next.isPresent(); next = reader.receive()) {
            received.add(next.get());
        }
        return received;
    }

    private static TrustPolicy trusting(int threshold, SigningKey... keys) {
        List<TrustedKey> trusted = new ArrayList<>();
        for (SigningKey key : keys) {
            trusted.add(key.publicKey().orElseThrow());
        }
        return new TrustPolicy(
                new TrustedKeys(trusted), threshold, TrustPolicy.Revocations.NONE, List.of(ImageRule.ANY));
    }

    private void policy(GuestPolicy policy) throws IOException {
        Files.write(directory.resolve("guest/policy.json"), policy.write());
    }

    private static HostMessage hello(int version) {
        return HostMessage.newBuilder()
                .setHello(HostHello.newBuilder().setProtocolVersion(version))
                .build();
    }

    private static HostMessage startMessage(Start start) {
        return HostMessage.newBuilder().setStart(start).build();
    }

    private static byte[] signed() {
        return StatementSigner.sign(statement(), List.of(KEY));
    }

    private static Start start(byte[] envelope) {
        return Start.newBuilder()
                .setStatementEnvelope(ByteString.copyFrom(envelope))
                .setImageConfig(ByteString.copyFrom(CONFIG))
                .setIntegrity(Integrity.INTEGRITY_ROOT)
                .build();
    }

    private static ImageStatement statement() {
        Digest digest = Digest.ofContent(CONFIG);
        return new ImageStatement(
                new ImageStatement.Image("test", digest, digest, 0),
                new ImageStatement.Contents(
                        1,
                        new ImageStatement.Fsmeta(digest, 100),
                        List.of(new ImageStatement.Layer(digest, 128, digest))),
                new ImageStatement.VerityTable(VerityGeometry.STANDARD, 256, 256, digest),
                UpperLayer.MEMORY,
                Validity.ALWAYS);
    }
}
