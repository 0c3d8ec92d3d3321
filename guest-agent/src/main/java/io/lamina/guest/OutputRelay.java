package io.lamina.guest;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Output;
import io.lamina.linux.DescriptorStreams;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Poll;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Carries what a command writes to the host, one piece at a time: while the host does not take it, the pipe fills and the
 * command waits.
 */
final class OutputRelay {
    private static final int PIECE_BYTES = 32 << 10;

    /** How often the end of a pipe that a left-over process keeps open is looked for. */
    private static final long SETTLE_MILLIS = 2;

    private final OwnedFd pipe;
    private final InputStream in;
    private final Output.Stream stream;
    private final int id;
    private final MessageChannel<HostMessage, GuestMessage> channel;
    private final Thread thread;

    /** Held while a piece is on its way from the pipe to the host; with it, an empty pipe means that all is sent. */
    private final Lock transfer = new ReentrantLock();

    /** Set once by the thread. */
    private volatile boolean ended;

    private OutputRelay(
            OwnedFd pipe,
            InputStream in,
            Output.Stream stream,
            int id,
            MessageChannel<HostMessage, GuestMessage> channel) {
        this.pipe = pipe;
        this.in = in;
        this.stream = stream;
        this.id = id;
        this.channel = channel;
        this.thread =
                Thread.ofPlatform().name("relay " + stream.name()).daemon().unstarted(this::run);
    }

    /**
     * Starts to carry what comes out of {@code pipe}, which is the relay's from now on.
     *
     * @param id of the process, for the host
     */
    static OutputRelay start(
            OwnedFd pipe, Output.Stream stream, int id, MessageChannel<HostMessage, GuestMessage> channel)
            throws IOException {
        return start(new OutputRelay(pipe, new FileInputStream("/proc/self/fd/" + pipe.number()), stream, id, channel));
    }

    /** As {@link #start}, of a terminal's master, which cannot be opened by its path again. */
    static OutputRelay ofTerminal(OwnedFd master, int id, MessageChannel<HostMessage, GuestMessage> channel) {
        return start(
                new OutputRelay(master, DescriptorStreams.input(master), Output.Stream.STREAM_STDOUT, id, channel));
    }

    private static OutputRelay start(OutputRelay relay) {
        relay.thread.start();
        return relay;
    }

    /**
     * Waits until everything that is in the pipe now has been sent. The pipe's end is not waited for: a process that the
     * command left behind may keep it open for ever.
     */
    void drain() throws InterruptedException, IOException {
        while (!ended) {
            transfer.lock();
            try {
                if (ended || !Poll.readable(pipe, 0)) {
                    return;
                }
            } finally {
                transfer.unlock();
            }
            thread.join(SETTLE_MILLIS);
        }
    }

    private void run() {
        try (pipe;
                in) {
            try {
                relay();
            } catch (IOException hostIsGone) {
                // The main thread finds out by itself; the command meets a closed pipe. A terminal that nobody has open
                // any
                // more ends like this, too.
                return;
            } finally {
                // Said before the streams close, so that nobody asks a closed one what is left in it.
                end();
            }
        } catch (IOException impossible) {
            throw new UncheckedIOException("closing a pipe", impossible);
        }
    }

    private void end() {
        transfer.lock();
        try {
            ended = true;
        } finally {
            transfer.unlock();
        }
    }

    private void relay() throws IOException {
        byte[] piece = new byte[PIECE_BYTES];
        while (true) {
            boolean _ = Poll.readable(pipe, -1);
            transfer.lock();
            try {
                if (!carry(piece)) {
                    return;
                }
            } finally {
                transfer.unlock();
            }
        }
    }

    /** Sends what is there; false at the pipe's end. */
    private boolean carry(byte[] piece) throws IOException {
        int length = in.read(piece);
        if (length > 0) {
            channel.send(GuestMessage.newBuilder()
                    .setOutput(Output.newBuilder()
                            .setStream(stream)
                            .setId(id)
                            .setData(ByteString.copyFrom(piece, 0, length)))
                    .build());
        }
        return length >= 0;
    }
}
