package io.lamina.agent.protocol;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * Messages over a byte stream, one frame each: the message's length as a little-endian {@code u32}, then its bytes. The
 * streams are the seam: a virtio-serial port, a vsock connection or a pair of pipes carry the same frames.
 *
 * <p>One thread receives; any thread sends, a frame at a time.
 *
 * @param <I> what the other side sends
 * @param <O> what this side sends
 */
public final class MessageChannel<I extends MessageLite, O extends MessageLite> implements AutoCloseable {
    /** The version that {@code HostHello} and {@code GuestHello} carry. */
    public static final int PROTOCOL_VERSION = 1;

    /** A longer frame, in bytes, is refused unread; a statement over 1,000 layers and its configuration fit. */
    public static final int MAX_FRAME_BYTES = 4 << 20;

    /** As many bytes of {@code Input} may be on their way to one process or request without a {@code Taken}. */
    public static final int INPUT_WINDOW_BYTES = 256 << 10;

    private static final int HEADER_BYTES = 4;

    private final DataInputStream in;
    private final OutputStream out;
    private final Parser<I> parser;

    public MessageChannel(InputStream in, OutputStream out, Parser<I> parser) {
        this.in = new DataInputStream(in);
        this.out = out;
        this.parser = parser;
    }

    /**
     * Waits for the next message; empty when the other side has closed between two frames.
     *
     * @throws IOException if a frame is too long, cut short or not a message; the channel is of no further use then
     */
    public Optional<I> receive() throws IOException {
        byte[] header = new byte[HEADER_BYTES];
        int first = in.read();
        if (first < 0) {
            return Optional.empty();
        }
        header[0] = (byte) first;
        readFully(header, 1);
        long length = Integer.toUnsignedLong(
                ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getInt());
        if (length > MAX_FRAME_BYTES) {
            throw new IOException("agent frame of " + length + " bytes; at most " + MAX_FRAME_BYTES + " are taken");
        }
        byte[] message = new byte[(int) length];
        readFully(message, 0);
        try {
            return Optional.of(parser.parseFrom(message));
        } catch (InvalidProtocolBufferException malformed) {
            throw new IOException(
                    "agent frame of " + length + " bytes is no message: " + malformed.getMessage(), malformed);
        }
    }

    /** Sends one message and flushes; frames of several threads never mix. */
    public void send(O message) throws IOException {
        int length = message.getSerializedSize();
        if (length > MAX_FRAME_BYTES) {
            throw new IOException("agent message of " + length + " bytes; at most " + MAX_FRAME_BYTES + " are sent");
        }
        byte[] frame = ByteBuffer.allocate(HEADER_BYTES + length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(length)
                .put(message.toByteArray())
                .array();
        synchronized (out) {
            out.write(frame);
            out.flush();
        }
    }

    @Override
    public void close() throws IOException {
        try (in) {
            out.close();
        }
    }

    private void readFully(byte[] target, int from) throws IOException {
        try {
            in.readFully(target, from, target.length - from);
        } catch (EOFException cut) {
            throw new IOException("agent stream ended inside a frame", cut);
        }
    }
}
