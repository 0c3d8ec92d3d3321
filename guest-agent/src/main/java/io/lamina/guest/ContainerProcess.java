package io.lamina.guest;

import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Output;
import io.lamina.agent.protocol.Terminal;
import io.lamina.linux.DescriptorStreams;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Pidfd;
import io.lamina.linux.Pipe;
import io.lamina.linux.PseudoTerminal;
import io.lamina.linux.Spawn;
import io.lamina.linux.SystemCallException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A process in the container, its output on the way to the host, and its input from there. */
final class ContainerProcess implements AutoCloseable {
    private static final int MAX_CHARACTERS = 0xffff;
    private static final int PIECE_BYTES = 32 << 10;

    /**
     * How a process is connected to the host.
     *
     * @param id what both sides call it
     * @param input whether it reads what the host sends
     * @param terminal what it is to have for a terminal
     */
    record Streams(int id, boolean input, Optional<Terminal> terminal) {}

    private final Pidfd process;
    private final List<OutputRelay> relays;
    private final Optional<HostInput> input;
    private final Optional<PseudoTerminal> terminal;

    private ContainerProcess(
            Pidfd process, List<OutputRelay> relays, Optional<HostInput> input, Optional<PseudoTerminal> terminal) {
        this.process = process;
        this.relays = relays;
        this.input = input;
        this.terminal = terminal;
    }

    /**
     * Starts {@code program}, whose root is the mount {@code root}.
     *
     * @throws SystemCallException of {@code posix_spawn} if the program cannot be executed
     */
    static ContainerProcess start(
            Spawn program, Path root, Streams streams, MessageChannel<HostMessage, GuestMessage> channel)
            throws IOException {
        return streams.terminal.isPresent()
                ? onTerminal(program, root, streams, channel)
                : onPipes(program, streams, channel);
    }

    private static ContainerProcess onTerminal(
            Spawn program, Path root, Streams streams, MessageChannel<HostMessage, GuestMessage> channel)
            throws IOException {
        PseudoTerminal terminal = PseudoTerminal.open(root.resolve("dev/pts"));
        try {
            resize(terminal, streams.terminal.orElseThrow());
            Pidfd process = program.terminal("/dev/pts/" + terminal.number()).start();
            HostInput input = new HostInput(streams.id, channel);
            pump(input, DescriptorStreams.output(terminal.master().duplicate()));
            OutputRelay relay = OutputRelay.ofTerminal(terminal.master().duplicate(), streams.id, channel);
            return new ContainerProcess(process, List.of(relay), Optional.of(input), Optional.of(terminal));
        } catch (IOException failure) {
            terminal.close();
            throw failure;
        }
    }

    private static ContainerProcess onPipes(
            Spawn program, Streams streams, MessageChannel<HostMessage, GuestMessage> channel) throws IOException {
        List<Pipe> outputs = List.of(Pipe.create(), Pipe.create());
        Optional<Pipe> stdin = streams.input ? Optional.of(Pipe.create()) : Optional.empty();
        Pidfd process;
        try {
            stdin.ifPresent(pipe -> program.descriptor(0, pipe.readEnd()));
            process = program.descriptor(1, outputs.getFirst().writeEnd())
                    .descriptor(2, outputs.getLast().writeEnd())
                    .newSession()
                    .start();
        } catch (SystemCallException failure) {
            outputs.forEach(Pipe::close);
            stdin.ifPresent(Pipe::close);
            throw failure;
        }
        outputs.forEach(pipe -> pipe.writeEnd().close());
        List<OutputRelay> relays = new ArrayList<>();
        relays.add(OutputRelay.start(outputs.getFirst().readEnd(), Output.Stream.STREAM_STDOUT, streams.id, channel));
        relays.add(OutputRelay.start(outputs.getLast().readEnd(), Output.Stream.STREAM_STDERR, streams.id, channel));
        Optional<HostInput> input = Optional.empty();
        if (stdin.isPresent()) {
            stdin.get().readEnd().close();
            input = Optional.of(new HostInput(streams.id, channel));
            pump(input.get(), pipeOutput(stdin.get().writeEnd()));
        }
        return new ContainerProcess(process, relays, input, Optional.empty());
    }

    private static OutputStream pipeOutput(OwnedFd pipe) throws IOException {
        try (pipe) {
            return new FileOutputStream("/proc/self/fd/" + pipe.number());
        }
    }

    /** Passes the host's input on. What a process does not read any more is thrown away, so that the host never waits. */
    private static void pump(HostInput input, OutputStream target) {
        Thread.ofPlatform().daemon().name("input").start(() -> {
            byte[] piece = new byte[PIECE_BYTES];
            boolean open = true;
            try {
                for (int count = input.read(piece); count >= 0; count = input.read(piece)) {
                    open = open && passed(target, piece, count);
                }
            } catch (IOException hostIsGone) {
                // The process meets the end of its input.
            }
            try {
                target.close();
            } catch (IOException closed) {
                // It has ended before its input.
            }
        });
    }

    private static boolean passed(OutputStream target, byte[] piece, int count) {
        try {
            target.write(piece, 0, count);
            return true;
        } catch (IOException processReadsNoMore) {
            return false;
        }
    }

    /** Where the host's input goes; empty when the process reads nothing. */
    Optional<HostInput> input() {
        return input;
    }

    /** Sends a signal to the process itself. */
    void signal(int number) throws SystemCallException {
        process.signal(number);
    }

    /** Its terminal, if it has one, gets another size. */
    void resize(Terminal size) throws SystemCallException {
        if (terminal.isPresent()) {
            resize(terminal.get(), size);
        }
    }

    private static void resize(PseudoTerminal terminal, Terminal size) throws SystemCallException {
        terminal.resize(
                Math.clamp(Integer.toUnsignedLong(size.getRows()), 0, MAX_CHARACTERS),
                Math.clamp(Integer.toUnsignedLong(size.getColumns()), 0, MAX_CHARACTERS));
    }

    /** Waits for its end and until what it wrote is on its way; answers the status as a shell counts. */
    int waitFor() throws IOException, InterruptedException {
        int status = process.waitFor().asShell();
        for (OutputRelay relay : relays) {
            relay.drain();
        }
        return status;
    }

    @Override
    public void close() {
        input.ifPresent(HostInput::end);
        terminal.ifPresent(PseudoTerminal::close);
        process.close();
    }
}
