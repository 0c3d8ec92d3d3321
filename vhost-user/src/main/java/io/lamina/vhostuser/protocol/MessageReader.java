package io.lamina.vhostuser.protocol;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Puts requests together from the bytes of a socket, however they are cut. It never waits: what is there is taken, the
 * rest comes later. Not for several threads.
 */
public final class MessageReader implements AutoCloseable {
    private final DescriptorSocket socket;
    private final ByteBuffer buffer = MessageCodec.newBuffer();
    private ReceivedFds fds = new ReceivedFds();
    private MessageCodec.@Nullable Header header;
    private boolean atEnd;

    /** Reads from a socket that does not block, which stays the caller's. */
    public MessageReader(DescriptorSocket socket) {
        this.socket = socket;
        buffer.limit(MessageCodec.HEADER_BYTES);
    }

    /**
     * The next request, or null when the socket has no whole one.
     *
     * @throws VhostUserException when the framing is broken and no later message can be found
     * @throws MalformedRequestException when this message's payload does not fit its request; the next one can be read
     */
    public @Nullable Message read() throws IOException {
        while (true) {
            MessageCodec.Header current = header;
            if (current == null && !buffer.hasRemaining()) {
                current = MessageCodec.decodeHeader(buffer);
                header = current;
                buffer.limit(MessageCodec.HEADER_BYTES + current.payloadBytes());
            }
            if (current != null && !buffer.hasRemaining()) {
                return message(current);
            }
            int received = socket.receive(buffer, fds);
            if (received == DescriptorSocket.WOULD_BLOCK) {
                return null;
            }
            if (received == DescriptorSocket.END) {
                atEnd = true;
                return null;
            }
        }
    }

    /** The peer has closed the connection; half a message may have come before. */
    public boolean atEnd() {
        return atEnd;
    }

    private Message message(MessageCodec.Header current) throws MalformedRequestException {
        ReceivedFds beside = fds;
        fds = new ReceivedFds();
        header = null;
        buffer.flip().position(MessageCodec.HEADER_BYTES);
        try {
            Request request = MessageCodec.decodeRequest(current.code(), buffer);
            return new Message(current.code(), request, current.needReply(), beside);
        } catch (VhostUserException malformed) {
            beside.close();
            throw new MalformedRequestException(current, malformed);
        } finally {
            buffer.clear().limit(MessageCodec.HEADER_BYTES);
        }
    }

    /** Closes descriptors of a half message. */
    @Override
    public void close() {
        fds.close();
    }

    /** A well-framed message whose payload does not fit its request. */
    public static final class MalformedRequestException extends IOException {
        private static final long serialVersionUID = 1L;

        private final transient MessageCodec.Header header;

        MalformedRequestException(MessageCodec.Header header, VhostUserException cause) {
            super(cause.getMessage(), cause);
            this.header = header;
        }

        /** The message's header. */
        public MessageCodec.Header header() {
            return header;
        }
    }
}
