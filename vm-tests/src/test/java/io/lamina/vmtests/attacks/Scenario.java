package io.lamina.vmtests.attacks;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostHello;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Start;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One attack: all that a host says and shows to a guest. What is not set is as an honest host has it. The outcome that is
 * expected is a regular expression that has to be found in the line of {@code AttackedGuest}.
 */
final class Scenario {
    private static final int PATCH_UNIT_BYTES = 512;

    final String name;
    final String expected;
    byte[] host;
    byte[] policy;
    byte[] device;
    byte[] strike = {};
    /** For runs without a machine: sizes and names of the disks. */
    long sizeBytes;

    int logicalBlockBytes = 512;
    String serials = "lamina-image";
    boolean otherDisk;
    /** What fills a scratch disk, over and over; null: there is none. */
    byte @Nullable [] scratch;
    /** What the host does to the scratch disk while the command waits: {@code flip}, {@code move} or {@code swap}. */
    String scratchStrike = "";
    /** The agent leaves the root at a path and runs nothing. */
    boolean handOver;

    /** An honest host with {@code image}, which the guest's {@code policy} allows. */
    Scenario(String name, String expected, AttackImage image, byte[] envelope, byte[] policy) {
        this.name = name;
        this.expected = expected;
        this.policy = policy;
        this.device = image.device();
        this.sizeBytes = device.length;
        this.host = talk(hello(1), started(image, envelope));
    }

    /** The device of an attack; its size is what the guest sees. */
    Scenario device(byte[] bytes) {
        this.device = bytes;
        this.sizeBytes = bytes.length;
        return this;
    }

    /** What the host makes of the device while the command waits. */
    Scenario strike(byte[] bytes) {
        this.strike = bytes;
        return this;
    }

    Scenario host(byte[] bytes) {
        this.host = bytes;
        return this;
    }

    static HostMessage hello(int version) {
        return HostMessage.newBuilder()
                .setHello(HostHello.newBuilder().setProtocolVersion(version))
                .build();
    }

    static HostMessage started(AttackImage image, byte[] envelope, String... command) {
        return start(envelope, image.config(), Integrity.INTEGRITY_ROOT, command);
    }

    static HostMessage start(byte[] envelope, byte[] config, Integrity integrity, String... command) {
        Start.Builder start = Start.newBuilder()
                .setStatementEnvelope(ByteString.copyFrom(envelope))
                .setImageConfig(ByteString.copyFrom(config))
                .setIntegrity(integrity);
        for (String word : command) {
            start.addCommand(ByteString.copyFromUtf8(word));
        }
        return HostMessage.newBuilder().setStart(start).build();
    }

    /** The frames of these messages. */
    static byte[] talk(HostMessage... messages) {
        ByteArrayOutputStream sent = new ByteArrayOutputStream();
        MessageChannel<GuestMessage, HostMessage> host =
                new MessageChannel<>(new ByteArrayInputStream(new byte[0]), sent, GuestMessage.parser());
        try {
            for (HostMessage message : messages) {
                host.send(message);
            }
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
        return sent.toByteArray();
    }

    /** Writes the scenario for {@code AttackedGuest}, the disk as its difference to {@code base}. */
    Path write(Path directory, byte[] base) throws IOException {
        Path scenario = Files.createDirectories(directory.resolve(name));
        Path initdata = Files.createDirectories(scenario.resolve("initdata"));
        if (policy.length > 0) {
            Files.write(initdata.resolve("policy.json"), policy);
        }
        Files.write(scenario.resolve("host"), host);
        Files.write(scenario.resolve("patch"), patch(base, device));
        if (strike.length > 0) {
            Files.write(scenario.resolve("strike"), patch(device, strike));
        }
        if (scratch != null) {
            Files.write(scenario.resolve("scratch"), scratch);
        }
        if (!scratchStrike.isEmpty()) {
            Files.writeString(scenario.resolve("scratch-strike"), scratchStrike);
        }
        if (handOver) {
            Files.createFile(scenario.resolve("hand-over"));
        }
        int number = 0;
        for (String serial : serials.split(",", -1)) {
            Path block = Files.createDirectories(scenario.resolve("sys/block/loop" + number++ + "/queue"));
            Files.writeString(block.resolveSibling("serial"), serial);
            Files.writeString(block.resolveSibling("size"), Long.toString(sizeBytes / 512));
            Files.writeString(block.resolve("logical_block_size"), Integer.toString(logicalBlockBytes));
        }
        if (otherDisk) {
            Files.createDirectories(scenario.resolve("sys/block/vdb/device"));
        }
        return scenario;
    }

    /** The new size, then each run of bytes that differs: offset, length, bytes. */
    private static byte[] patch(byte[] from, byte[] to) {
        ByteBuffer out = ByteBuffer.allocate(2 * Math.max(from.length, to.length) + (1 << 16));
        out.putLong(to.length);
        for (int at = 0; at < to.length; at += PATCH_UNIT_BYTES) {
            int end = Math.min(to.length, at + PATCH_UNIT_BYTES);
            boolean same = end <= from.length && Arrays.equals(from, at, end, to, at, end);
            if (!same) {
                out.putLong(at).putInt(end - at).put(to, at, end - at);
            }
        }
        return Arrays.copyOf(out.array(), out.position());
    }
}
