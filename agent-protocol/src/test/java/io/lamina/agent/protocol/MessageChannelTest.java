package io.lamina.agent.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MessageChannelTest {
    private static final GuestMessage OUTPUT = GuestMessage.newBuilder()
            .setOutput(Output.newBuilder()
                    .setStream(Output.Stream.STREAM_STDOUT)
                    .setData(ByteString.copyFromUtf8("hello\n")))
            .build();

    @Test
    void messagesComeOutAsTheyWentIn() throws IOException {
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        try (var sender = sending(stream)) {
            sender.send(OUTPUT);
            sender.send(GuestMessage.getDefaultInstance());
        }
        try (var receiver = receiving(stream.toByteArray())) {
            assertEquals(OUTPUT, receiver.receive().orElseThrow());
            assertEquals(GuestMessage.getDefaultInstance(), receiver.receive().orElseThrow());
            assertTrue(receiver.receive().isEmpty());
        }
    }

    @Test
    void everyTruncationIsAnErrorAndNeverAMessage() throws IOException {
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        try (var sender = sending(stream)) {
            sender.send(OUTPUT);
        }
        byte[] whole = stream.toByteArray();
        for (int length = 1; length < whole.length; length++) {
            try (var receiver = receiving(Arrays.copyOf(whole, length))) {
                assertThrows(IOException.class, receiver::receive, "cut to " + length);
            }
        }
    }

    @Test
    void aFrameOverTheLimitIsRefusedBeforeItIsRead() throws IOException {
        try (var receiver = receiving(new byte[] {1, 0, 0x40, 0})) { // 4 MiB and a byte
            IOException refused = assertThrows(IOException.class, receiver::receive);
            assertTrue(refused.getMessage().contains("4194305"), refused.getMessage());
        }
        try (var receiver = receiving(new byte[] {-1, -1, -1, -1})) {
            IOException refused = assertThrows(IOException.class, receiver::receive);
            assertTrue(refused.getMessage().contains("4294967295"), refused.getMessage());
        }
    }

    @Test
    void randomBytesGiveMessagesOrErrorsAndNothingElse() throws IOException {
        for (long seed = 0; seed < 20_000; seed++) {
            Random random = new Random(seed);
            byte[] bytes = new byte[random.nextInt(64)];
            random.nextBytes(bytes);
            if (bytes.length > 4) {
                bytes[0] = (byte) (bytes.length - 4); // so that many reach the protobuf parser
                bytes[1] = bytes[2] = bytes[3] = 0;
            }
            try (var receiver = receiving(bytes)) {
                receiver.receive();
            } catch (IOException expected) {
                assertTrue(expected.getMessage().startsWith("agent "), () -> "message of " + expected);
            }
        }
    }

    private static MessageChannel<HostMessage, GuestMessage> sending(ByteArrayOutputStream stream) {
        return new MessageChannel<>(new ByteArrayInputStream(new byte[0]), stream, HostMessage.parser());
    }

    private static MessageChannel<GuestMessage, HostMessage> receiving(byte[] bytes) {
        return new MessageChannel<>(
                new ByteArrayInputStream(bytes), new ByteArrayOutputStream(), GuestMessage.parser());
    }
}
