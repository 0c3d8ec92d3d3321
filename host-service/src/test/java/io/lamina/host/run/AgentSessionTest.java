package io.lamina.host.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.Evidence;
import io.lamina.agent.protocol.Exited;
import io.lamina.agent.protocol.GuestHello;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Output;
import io.lamina.agent.protocol.Progress;
import io.lamina.agent.protocol.Refused;
import io.lamina.linux.DescriptorStreams;
import io.lamina.linux.UnixSocket;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The host's side of the talk, over a real socket pair, with a guest that says what it likes. */
class AgentSessionTest {
    private final ByteArrayOutputStream stdout = new ByteArrayOutputStream();
    private final ByteArrayOutputStream stderr = new ByteArrayOutputStream();
    private String evidence = "";
    private AgentSession session;
    private MessageChannel<HostMessage, GuestMessage> guest;

    @BeforeEach
    void connect() throws IOException {
        UnixSocket.Pair pair = UnixSocket.pair();
        session = new AgentSession(pair.first());
        guest = new MessageChannel<>(
                DescriptorStreams.input(pair.second()),
                DescriptorStreams.output(pair.second().duplicate()),
                HostMessage.parser());
    }

    @AfterEach
    void close() throws IOException {
        session.close();
        guest.close();
    }

    @Test
    void anotherVersionIsRefusedAndSaysWhatToDo() throws IOException {
        guest.send(GuestMessage.newBuilder()
                .setHello(GuestHello.newBuilder().setProtocolVersion(2))
                .build());
        IOException refused = assertThrows(IOException.class, session::greet);
        assertTrue(refused.getMessage().contains("lamina guest build"), refused.getMessage());
    }

    @Test
    void aGuestThatSaysNothingOrSomethingElseIsNoAgent() throws IOException {
        guest.send(refused("x"));
        assertThrows(IOException.class, session::greet);
        guest.close();
        assertThrows(IOException.class, session::greet);
    }

    @Test
    void outputGoesWhereItBelongsUntilTheCommandEnds() throws IOException {
        guest.send(GuestMessage.newBuilder()
                .setEvidence(Evidence.newBuilder().setJson(ByteString.copyFromUtf8("{}")))
                .build());
        guest.send(output(Output.Stream.STREAM_STDOUT, "out"));
        guest.send(output(Output.Stream.STREAM_STDERR, "err"));
        guest.send(GuestMessage.newBuilder()
                .setExited(Exited.newBuilder().setStatus(7).addCorruptedBlocks(9))
                .build());

        AgentSession.Ending ending = follow();

        assertEquals("{}", evidence);
        assertEquals(new AgentSession.Ending.Ended(7, "", List.of(9L)), ending);
        assertEquals("out", stdout.toString(StandardCharsets.UTF_8));
        assertEquals("err", stderr.toString(StandardCharsets.UTF_8));
    }

    @Test
    void aGuestsWordsCannotReachTheTerminalsControls() throws IOException {
        guest.send(refused("a\u001b[2Jb\nc" + "x".repeat(10_000)));
        AgentSession.Ending.RefusedImage ending = assertInstanceOf(AgentSession.Ending.RefusedImage.class, follow());
        assertTrue(ending.found().startsWith("a [2Jb c"), ending.found());
        assertEquals(500, ending.found().length());
    }

    @Test
    void aMachineThatEndsIsLostAndOneThatStartsOverIsAnError() throws IOException {
        guest.send(GuestMessage.newBuilder()
                .setHello(GuestHello.getDefaultInstance())
                .build());
        assertThrows(IOException.class, this::follow);
        guest.close();
        assertInstanceOf(AgentSession.Ending.Lost.class, follow());
    }

    private AgentSession.Ending follow() throws IOException {
        return session.follow(
                new PrintStream(stdout, true, StandardCharsets.UTF_8),
                new PrintStream(stderr, true, StandardCharsets.UTF_8),
                new InputWindow(0, session),
                new AgentSession.Listener() {
                    @Override
                    public void progress(Progress progress) {}

                    @Override
                    public void evidence(Evidence shown) {
                        evidence = new String(shown.getJson().toByteArray(), StandardCharsets.UTF_8);
                    }
                });
    }

    private static GuestMessage refused(String found) {
        return GuestMessage.newBuilder()
                .setRefused(Refused.newBuilder().setCheck("check").setFound(found))
                .build();
    }

    private static GuestMessage output(Output.Stream stream, String text) {
        return GuestMessage.newBuilder()
                .setOutput(Output.newBuilder().setStream(stream).setData(ByteString.copyFromUtf8(text)))
                .build();
    }
}
