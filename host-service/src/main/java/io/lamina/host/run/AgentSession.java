package io.lamina.host.run;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.Evidence;
import io.lamina.agent.protocol.Exited;
import io.lamina.agent.protocol.GuestHello;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostHello;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Output;
import io.lamina.agent.protocol.PowerOff;
import io.lamina.agent.protocol.Progress;
import io.lamina.agent.protocol.Refused;
import io.lamina.agent.protocol.Start;
import io.lamina.agent.protocol.Terminal;
import io.lamina.linux.DescriptorStreams;
import io.lamina.linux.OwnedFd;
import java.io.IOException;
import java.io.PrintStream;
import java.util.List;
import java.util.Optional;

/** The host's side of one talk with a guest agent, whose every message is taken as hostile. */
final class AgentSession implements AutoCloseable {
    /** How a guest can end a run. */
    sealed interface Ending {
        /** The command ended, or could not be started. */
        record Ended(int status, String failure, List<Long> corruptedBlocks) implements Ending {}

        /** The agent will not run the image. */
        record RefusedImage(String check, String expected, String found) implements Ending {}

        /** The machine ended without a word. */
        record Lost(String how) implements Ending {}
    }

    /** A guest's text in a message of ours: as much as a line holds. */
    private static final int MAX_TEXT_CHARS = 500;

    private final MessageChannel<GuestMessage, HostMessage> channel;

    AgentSession(OwnedFd socket) throws IOException {
        this.channel = new MessageChannel<>(
                DescriptorStreams.input(socket), DescriptorStreams.output(socket.duplicate()), GuestMessage.parser());
    }

    /** Says hello and waits for the agent, which answers once the guest has booted. */
    GuestHello greet() throws IOException {
        channel.send(HostMessage.newBuilder()
                .setHello(HostHello.newBuilder().setProtocolVersion(MessageChannel.PROTOCOL_VERSION))
                .build());
        GuestMessage answer =
                channel.receive().orElseThrow(() -> new IOException("the machine ended before its agent spoke"));
        if (answer.getMessageCase() != GuestMessage.MessageCase.HELLO) {
            throw new IOException("the agent began with " + answer.getMessageCase() + " instead of HELLO");
        }
        GuestHello hello = answer.getHello();
        if (hello.getProtocolVersion() != MessageChannel.PROTOCOL_VERSION) {
            throw new IOException("the agent speaks version " + Integer.toUnsignedString(hello.getProtocolVersion())
                    + " of the protocol, this Lamina " + MessageChannel.PROTOCOL_VERSION
                    + "; build the guest image again: lamina guest build");
        }
        return hello;
    }

    /** What the agent is asked: to run a command in an image, whose proof the caller adds. */
    static Start.Builder request(byte[] config, RunOptions options) {
        Start.Builder start =
                Start.newBuilder().setImageConfig(ByteString.copyFrom(config)).setIntegrity(options.integrity());
        options.trust().evidence().ifPresent(asked -> start.setEvidenceNonce(ByteString.copyFrom(asked.nonceBytes())));
        RunOptions.Task task = options.task();
        task.command().forEach(argument -> start.addCommand(ByteString.copyFromUtf8(argument)));
        task.terminal().ifPresent(size -> start.setTerminal(terminal(size)));
        return start.addAllEnvironment(task.environment()).setInput(task.input());
    }

    static Terminal terminal(RunOptions.TerminalSize size) {
        return Terminal.newBuilder()
                .setRows(size.rows())
                .setColumns(size.columns())
                .build();
    }

    /** Sends a message; any thread may. */
    void send(HostMessage.Builder message) throws IOException {
        channel.send(message.build());
    }

    /** Waits for what the guest says next; empty when the machine has ended. */
    Optional<GuestMessage> receive() throws IOException {
        return channel.receive();
    }

    /** Asks. */
    void start(Start request) throws IOException {
        channel.send(HostMessage.newBuilder().setStart(request).build());
    }

    /** What a guest tells beside its output. */
    interface Listener {
        /** A step is done. */
        void progress(Progress progress);

        /** The machine's TPM has said this, for a verifier to judge. */
        void evidence(Evidence shown) throws IOException;
    }

    /** Passes on what the guest says until it ends the run; {@code stdin} is the command's input. */
    Ending follow(PrintStream stdout, PrintStream stderr, InputWindow stdin, Listener listener) throws IOException {
        while (true) {
            GuestMessage message = channel.receive().orElse(null);
            if (message == null) {
                return new Ending.Lost("the machine ended before the command did");
            }
            switch (message.getMessageCase()) {
                case PROGRESS -> listener.progress(message.getProgress());
                case STARTED -> {}
                case OUTPUT -> pass(message.getOutput(), stdout, stderr);
                case REFUSED -> {
                    Refused refused = message.getRefused();
                    return new Ending.RefusedImage(
                            printable(refused.getCheck()),
                            printable(refused.getExpected()),
                            printable(refused.getFound()));
                }
                case EXITED -> {
                    Exited exited = message.getExited();
                    return new Ending.Ended(
                            exited.getStatus() & 0xff,
                            printable(exited.getFailure()),
                            List.copyOf(exited.getCorruptedBlocksList()));
                }
                case EVIDENCE -> listener.evidence(message.getEvidence());
                case TAKEN -> stdin.taken(message.getTaken().getBytes());
                case HELLO, HANDED_OVER, READY, ANSWER, MESSAGE_NOT_SET ->
                    throw new IOException("the agent sent " + message.getMessageCase() + " in the middle of a run");
            }
        }
    }

    /** Asks the machine to power off; whether it still listens does not matter. */
    void powerOff() {
        try {
            channel.send(HostMessage.newBuilder()
                    .setPowerOff(PowerOff.getDefaultInstance())
                    .build());
        } catch (IOException gone) {
            // It is off already.
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    private static void pass(Output output, PrintStream stdout, PrintStream stderr) throws IOException {
        PrintStream target = switch (output.getStream()) {
            case STREAM_STDOUT -> stdout;
            case STREAM_STDERR -> stderr;
            case STREAM_TAR, STREAM_UNSPECIFIED, UNRECOGNIZED -> throw new IOException("agent output of no stream");
        };
        output.getData().writeTo(target);
        target.flush();
    }

    /** A guest's words for a terminal: no control characters, and not without end. */
    static String printable(String text) {
        StringBuilder shown = new StringBuilder();
        text.codePoints()
                .limit(MAX_TEXT_CHARS)
                .forEach(c -> shown.appendCodePoint(Character.isISOControl(c) ? ' ' : c));
        return shown.toString();
    }
}
