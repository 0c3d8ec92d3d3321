package io.lamina.vhostuser.server;

import io.lamina.linux.OwnedFd;
import io.lamina.vhostuser.protocol.DescriptorSocket;
import io.lamina.vhostuser.protocol.ReceivedFds;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Control records on a blocking socket. One thread receives; any may send, and records stay whole. */
final class ControlSocket implements AutoCloseable {
    private static final int BUFFER_BYTES = 8192;

    private final DescriptorSocket socket;

    ControlSocket(OwnedFd connected) {
        socket = new DescriptorSocket(connected, BUFFER_BYTES);
    }

    OwnedFd fd() {
        return socket.fd();
    }

    /** A record, its tag, and the descriptors that came beside it. */
    record Received(int tag, ControlRecord record, ReceivedFds fds) implements AutoCloseable {
        @Override
        public void close() {
            fds.close();
        }
    }

    /** The next record, or null when the peer has closed the socket. */
    @Nullable
    Received receive() throws IOException {
        ReceivedFds fds = new ReceivedFds();
        boolean whole = false;
        try {
            ByteBuffer header = ByteBuffer.allocate(ControlRecord.HEADER_BYTES);
            if (!fill(header, fds)) {
                if (header.position() == 0) {
                    return null;
                }
                throw new EOFException("half a control record");
            }
            ControlRecord.Header start = ControlRecord.decodeHeader(header);
            ByteBuffer payload = ByteBuffer.allocate(start.payloadBytes());
            if (!fill(payload, fds)) {
                throw new EOFException("half a control record");
            }
            Received received = new Received(start.tag(), ControlRecord.decode(start.type(), payload.flip()), fds);
            whole = true;
            return received;
        } finally {
            if (!whole) {
                fds.close();
            }
        }
    }

    synchronized void send(int tag, ControlRecord record, List<OwnedFd> fds) throws IOException {
        socket.send(ControlRecord.encode(tag, record), fds);
    }

    /** Reads until the buffer is full; false at the end of the stream. */
    private boolean fill(ByteBuffer buffer, ReceivedFds fds) throws IOException {
        while (buffer.hasRemaining()) {
            if (socket.receive(buffer, fds) <= 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void close() {
        socket.close();
    }
}
