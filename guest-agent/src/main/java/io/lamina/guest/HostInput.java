package io.lamina.guest;

import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Input;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Taken;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What the host sends for one process or request, as a stream. It holds as much as {@link MessageChannel#INPUT_WINDOW_BYTES}
 * and tells the host when some of it was read; a host that sends more breaks the protocol. One thread puts, one reads.
 */
final class HostInput extends InputStream {
    private final int id;
    private final MessageChannel<HostMessage, GuestMessage> channel;

    // All guarded by this.
    private final Deque<byte[]> pieces = new ArrayDeque<>();
    private int at;
    private int heldBytes;
    private boolean ended;

    HostInput(int id, MessageChannel<HostMessage, GuestMessage> channel) {
        this.id = id;
        this.channel = channel;
    }

    /** Takes a piece from the host. */
    synchronized void put(Input input) throws IOException {
        int length = input.getData().size();
        if (length > MessageChannel.INPUT_WINDOW_BYTES - heldBytes) {
            throw new IOException("the host sent " + length + " bytes of input " + Integer.toUnsignedString(id)
                    + " where " + (MessageChannel.INPUT_WINDOW_BYTES - heldBytes) + " more were allowed");
        }
        if (length > 0 && !ended) {
            pieces.add(input.getData().toByteArray());
            heldBytes += length;
        }
        ended |= input.getEnd();
        notifyAll();
    }

    /** Ends the stream: the host is gone. */
    synchronized void end() {
        ended = true;
        notifyAll();
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        int count = take(target, offset, length);
        if (count > 0) {
            channel.send(GuestMessage.newBuilder()
                    .setTaken(Taken.newBuilder().setId(id).setBytes(count))
                    .build());
        }
        return count;
    }

    private synchronized int take(byte[] target, int offset, int length) throws IOException {
        while (pieces.isEmpty() && !ended) {
            try {
                wait();
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while waiting for input", stop);
            }
        }
        byte[] piece = pieces.peek();
        if (piece == null) {
            return -1;
        }
        int count = Math.min(length, piece.length - at);
        System.arraycopy(piece, at, target, offset, count);
        at += count;
        heldBytes -= count;
        if (at == piece.length) {
            pieces.remove();
            at = 0;
        }
        return count;
    }
}
