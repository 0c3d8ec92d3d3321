package io.lamina.host.run;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Input;
import io.lamina.agent.protocol.MessageChannel;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * Input for one process or request in a guest: as much is on its way as the guest has room for. What the guest says of its
 * room is taken as hostile, and never makes more than {@link MessageChannel#INPUT_WINDOW_BYTES}.
 */
final class InputWindow extends OutputStream {
    private static final int PIECE_BYTES = 32 << 10;

    private final int id;
    private final AgentSession session;

    // Both guarded by this.
    private int freeBytes = MessageChannel.INPUT_WINDOW_BYTES;
    private boolean over;
    private String failure = "";

    InputWindow(int id, AgentSession session) {
        this.id = id;
        this.session = session;
    }

    /** The guest has read this much, as an unsigned number. */
    synchronized void taken(int bytes) {
        freeBytes = (int) Math.min(MessageChannel.INPUT_WINDOW_BYTES, freeBytes + Integer.toUnsignedLong(bytes));
        notifyAll();
    }

    /** Nobody reads any more: what is written now fails. */
    synchronized void over() {
        over = true;
        notifyAll();
    }

    /** What is to be sent cannot be read; the guest finds its input cut short. */
    synchronized void failed(String why) {
        failure = failure.isEmpty() ? why : failure;
    }

    /** Why not all was sent; empty when it was. */
    synchronized String failure() {
        return failure;
    }

    /** Takes room without waiting for it; false when there is not so much. */
    synchronized boolean tryTake(int bytes) {
        if (bytes > freeBytes) {
            return false;
        }
        freeBytes -= bytes;
        return true;
    }

    @Override
    public void write(int value) throws IOException {
        write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int start, int length) throws IOException {
        for (int done = 0; done < length; ) {
            int count = take(Math.min(PIECE_BYTES, length - done));
            session.send(HostMessage.newBuilder()
                    .setInput(Input.newBuilder().setId(id).setData(ByteString.copyFrom(bytes, start + done, count))));
            done += count;
        }
    }

    /** Tells the guest that nothing follows. */
    @Override
    public void close() throws IOException {
        session.send(
                HostMessage.newBuilder().setInput(Input.newBuilder().setId(id).setEnd(true)));
    }

    /** Passes {@code source} on to its end, on a thread of its own. */
    void pump(InputStream source) {
        Thread.ofPlatform().daemon().name("input").start(() -> {
            try (this) {
                source.transferTo(this);
            } catch (IOException ended) {
                // The command has ended, or the machine; whoever follows the run tells.
            }
        });
    }

    private synchronized int take(int most) throws IOException {
        try {
            while (freeBytes == 0 && !over) {
                wait();
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while the guest had no room", stop);
        }
        if (over) {
            throw new IOException("the guest reads no more");
        }
        int count = Math.min(most, freeBytes);
        freeBytes -= count;
        return count;
    }
}
