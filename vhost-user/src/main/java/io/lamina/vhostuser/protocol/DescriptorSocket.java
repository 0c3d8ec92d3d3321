package io.lamina.vhostuser.protocol;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import io.lamina.linux.Errno;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * A connected stream socket that carries bytes and, beside them, file descriptors ({@code SCM_RIGHTS} of
 * {@code unix(7)}). Whether a call waits is a property of the socket. One thread receives and one sends at a time.
 */
public final class DescriptorSocket implements AutoCloseable {
    /** {@link #receive} found nothing to read on a socket that does not wait. */
    public static final int WOULD_BLOCK = -1;

    /** {@link #receive} found that the peer has closed its end. */
    public static final int END = 0;

    /** More descriptors than this beside one piece of bytes break the connection. */
    public static final int MAX_FDS = 32;

    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    private static final int MSG_CTRUNC = 0x8;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int MSG_CMSG_CLOEXEC = 0x40000000;

    /** {@code struct msghdr} of a 64-bit machine, {@code bits/socket.h} of glibc. */
    private static final int MSG_IOV = 16;

    private static final int MSG_IOVLEN = 24;
    private static final int MSG_CONTROL = 32;
    private static final int MSG_CONTROLLEN = 40;
    private static final int MSG_FLAGS = 48;
    private static final int MSGHDR_BYTES = 56;
    private static final int IOVEC_BYTES = 16;

    /** {@code struct cmsghdr}: length with the header, level, type, then the data; each padded to 8 bytes. */
    private static final int CMSG_LEVEL = 8;

    private static final int CMSG_TYPE = 12;
    private static final int CMSG_DATA = 16;
    private static final int CONTROL_BYTES = CMSG_DATA + MAX_FDS * Integer.BYTES;

    static {
        Native.register(DescriptorSocket.class, "c");
    }

    private final OwnedFd fd;
    private final Channel receiving;
    private final Channel sending;

    /**
     * Takes over a connected socket.
     *
     * @param bufferBytes the most that one call moves
     */
    public DescriptorSocket(OwnedFd fd, int bufferBytes) {
        this.fd = fd;
        this.receiving = new Channel(bufferBytes);
        this.sending = new Channel(bufferBytes);
    }

    /** What one direction needs of native memory, laid out once. */
    private static final class Channel {
        final Memory header;
        final Memory control;
        final Memory bytes;
        final ByteBuffer buffer;

        Channel(int bufferBytes) {
            header = new Memory(MSGHDR_BYTES + IOVEC_BYTES);
            control = new Memory(CONTROL_BYTES);
            bytes = new Memory(bufferBytes);
            buffer = bytes.getByteBuffer(0, bufferBytes);
            header.clear();
            header.setPointer(MSG_IOV, header.share(MSGHDR_BYTES));
            header.setLong(MSG_IOVLEN, 1);
            header.setPointer(MSGHDR_BYTES, bytes);
        }

        void prepare(int lengthBytes, int controlBytes) {
            header.setLong(MSGHDR_BYTES + 8L, lengthBytes);
            header.setPointer(MSG_CONTROL, controlBytes == 0 ? Pointer.NULL : control);
            header.setLong(MSG_CONTROLLEN, controlBytes);
            header.setInt(MSG_FLAGS, 0);
        }
    }

    /** The socket itself, for an event loop to wait on. */
    public OwnedFd fd() {
        return fd;
    }

    /**
     * Reads some bytes, at most as many as {@code into} has room for, and collects the descriptors beside them.
     *
     * @return the number of bytes, {@link #END} or {@link #WOULD_BLOCK}
     * @throws VhostUserException when there are more than {@link #MAX_FDS} descriptors in {@code fds} now, or more came
     *     than one call takes; all that arrived are in {@code fds}
     */
    public int receive(ByteBuffer into, ReceivedFds fds) throws IOException {
        int wanted = Math.min(into.remaining(), receiving.buffer.capacity());
        long received;
        do {
            receiving.prepare(wanted, CONTROL_BYTES);
            received = recvmsg(fd.number(), receiving.header, MSG_CMSG_CLOEXEC);
        } while (received < 0 && Native.getLastError() == Errno.EINTR);
        if (received < 0) {
            int errno = Native.getLastError();
            if (errno == Errno.EAGAIN) {
                return WOULD_BLOCK;
            }
            if (errno == ECONNRESET) {
                return END;
            }
            throw new SystemCallException("recvmsg", fd.toString(), errno);
        }
        collect(fds);
        // Counted over all pieces of a message: each byte of it can bring some along.
        if (fds.count() > MAX_FDS || (receiving.header.getInt(MSG_FLAGS) & MSG_CTRUNC) != 0) {
            throw new VhostUserException("more than " + MAX_FDS + " descriptors in one message");
        }
        into.put(receiving.buffer.slice(0, (int) received));
        return (int) received;
    }

    /** Writes all of {@code bytes}; the descriptors travel with the first of them and stay the caller's. */
    public void send(ByteBuffer bytes, List<OwnedFd> fds) throws IOException {
        if (fds.size() > MAX_FDS) {
            throw new IllegalArgumentException(fds.size() + " descriptors, at most " + MAX_FDS + " go along");
        }
        List<OwnedFd> beside = fds;
        while (bytes.hasRemaining()) {
            int length = Math.min(bytes.remaining(), sending.buffer.capacity());
            sending.buffer.put(0, bytes, bytes.position(), length);
            long sent;
            do {
                sending.prepare(length, layOut(beside));
                sent = sendmsg(fd.number(), sending.header, MSG_NOSIGNAL);
            } while (sent < 0 && Native.getLastError() == Errno.EINTR);
            if (sent < 0) {
                throw new SystemCallException("sendmsg", fd.toString(), Native.getLastError());
            }
            bytes.position(bytes.position() + (int) sent);
            beside = List.of();
        }
    }

    @Override
    public void close() {
        fd.close();
    }

    /** Takes the descriptors out of the control messages; the kernel wrote these, but their lengths are checked all the same. */
    private void collect(ReceivedFds fds) {
        long end = Math.min(receiving.header.getLong(MSG_CONTROLLEN), CONTROL_BYTES);
        long at = 0;
        while (at + CMSG_DATA <= end) {
            long length = receiving.control.getLong(at);
            if (length < CMSG_DATA || length > end - at) {
                return;
            }
            if (receiving.control.getInt(at + CMSG_LEVEL) == SOL_SOCKET
                    && receiving.control.getInt(at + CMSG_TYPE) == SCM_RIGHTS) {
                for (long data = at + CMSG_DATA; data + Integer.BYTES <= at + length; data += Integer.BYTES) {
                    fds.add(new OwnedFd(receiving.control.getInt(data)));
                }
            }
            at += (length + 7) & -8L;
        }
    }

    private int layOut(List<OwnedFd> fds) {
        if (fds.isEmpty()) {
            return 0;
        }
        int length = CMSG_DATA + fds.size() * Integer.BYTES;
        sending.control.setLong(0, length);
        sending.control.setInt(CMSG_LEVEL, SOL_SOCKET);
        sending.control.setInt(CMSG_TYPE, SCM_RIGHTS);
        for (int i = 0; i < fds.size(); i++) {
            sending.control.setInt(
                    CMSG_DATA + (long) i * Integer.BYTES, fds.get(i).number());
        }
        return (length + 7) & -8;
    }

    private static final int ECONNRESET = 104;

    private static native long recvmsg(int fd, Pointer header, int flags);

    private static native long sendmsg(int fd, Pointer header, int flags);
}
