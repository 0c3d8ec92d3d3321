package io.lamina.vhostuser.frontend;

import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.protocol.DescriptorSocket;
import io.lamina.vhostuser.protocol.MessageCodec;
import io.lamina.vhostuser.protocol.ProtocolFeatures;
import io.lamina.vhostuser.protocol.ReceivedFds;
import io.lamina.vhostuser.protocol.Reply;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.VhostUserException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;

/** A front-end: sends requests to a back-end and waits for its answers. One thread at a time. */
public final class VhostUserFrontend implements AutoCloseable {
    private static final byte[] NO_BYTES = {};

    private final DescriptorSocket socket;
    private final ByteBuffer buffer = MessageCodec.newBuffer();
    private long protocolFeatures;

    /** Speaks on a connected, blocking socket, which is taken over. */
    public VhostUserFrontend(OwnedFd connected) {
        socket = new DescriptorSocket(connected, MessageCodec.HEADER_BYTES + MessageCodec.MAX_PAYLOAD_BYTES);
    }

    /** Connects to a back-end that listens at a path. */
    public static VhostUserFrontend connect(Path path) throws IOException {
        return new VhostUserFrontend(UnixSocket.connect(path));
    }

    /** The socket itself, for a test that sends what no front-end would. */
    public DescriptorSocket socket() {
        return socket;
    }

    /** Becomes the owner and accepts of the back-end's protocol features those that are wanted. */
    public long negotiateProtocol(long wanted) throws IOException {
        post(new Request.SetOwner(), List.of());
        long offered = number(new Request.GetProtocolFeatures());
        long accepted = offered & wanted;
        post(new Request.SetProtocolFeatures(accepted), List.of());
        protocolFeatures = accepted;
        return accepted;
    }

    /** Sends a request and waits for its answer, one number. */
    public long number(Request request) throws IOException {
        send(request, false, NO_BYTES, List.of());
        return MessageCodec.decodeU64(reply());
    }

    /** Reads a part of the configuration space. */
    public Reply.Config config(long offset, long sizeBytes) throws IOException {
        send(new Request.GetConfig(offset, sizeBytes, 0), false, NO_BYTES, List.of());
        return MessageCodec.decodeConfig(reply());
    }

    /** Stops a ring and waits until all its requests are done; answers where it would go on. */
    public long stopRing(int index) throws IOException {
        send(new Request.GetVringBase(index), false, NO_BYTES, List.of());
        return MessageCodec.decodeVringState(reply()).num();
    }

    /**
     * Sends a request that has no answer of its own and, when that was negotiated, waits for its acknowledgement.
     *
     * @throws VhostUserException when the back-end refuses it
     */
    public void tell(Request request, OwnedFd... fds) throws IOException {
        boolean acknowledged = (protocolFeatures & ProtocolFeatures.REPLY_ACK) != 0;
        send(request, acknowledged, NO_BYTES, List.of(fds));
        if (acknowledged && MessageCodec.decodeU64(reply()) != 0) {
            throw new VhostUserException("the back-end refuses " + request);
        }
    }

    /** Sends a request and does not wait. */
    public void post(Request request, List<OwnedFd> fds) throws IOException {
        send(request, false, NO_BYTES, fds);
    }

    /** Sends a request. */
    public void send(Request request, boolean needReply, byte[] configBytes, List<OwnedFd> fds) throws IOException {
        MessageCodec.encodeRequest(request, needReply, configBytes, buffer);
        socket.send(buffer, fds);
    }

    /** The payload of the next reply; descriptors beside it are dropped. */
    public ByteBuffer reply() throws IOException {
        try (ReceivedFds fds = new ReceivedFds()) {
            return reply(fds);
        }
    }

    /** The payload of the next reply, and the descriptors beside it. */
    public ByteBuffer reply(ReceivedFds fds) throws IOException {
        buffer.clear().limit(MessageCodec.HEADER_BYTES);
        fill(fds);
        MessageCodec.Header header = MessageCodec.decodeHeader(buffer);
        if (!header.reply()) {
            throw new VhostUserException("message " + header.code() + " is no reply");
        }
        buffer.limit(MessageCodec.HEADER_BYTES + header.payloadBytes());
        fill(fds);
        return buffer.flip().position(MessageCodec.HEADER_BYTES);
    }

    private void fill(ReceivedFds fds) throws IOException {
        while (buffer.hasRemaining()) {
            if (socket.receive(buffer, fds) <= 0) {
                throw new EOFException("the back-end closed the connection");
            }
        }
    }

    @Override
    public void close() {
        socket.close();
    }
}
