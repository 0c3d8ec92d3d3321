package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** One message to a Unix datagram socket ({@code unix(7)}), which Java's channels do not speak to. */
public final class DatagramSocket {
    private static final int AF_UNIX = 1;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_CLOEXEC = 02000000;
    private static final int MSG_NOSIGNAL = 0x4000;

    /** {@code sun_path} of {@code struct sockaddr_un}. */
    private static final int SUN_PATH_BYTES = 108;

    private DatagramSocket() {}

    /**
     * Sends {@code message}.
     *
     * @param address a path, or an abstract name behind {@code @}
     */
    public static void send(String address, String message) throws SystemCallException {
        byte[] name = address.getBytes(StandardCharsets.UTF_8);
        if (name.length >= SUN_PATH_BYTES) {
            throw new SystemCallException("sendto", address, Errno.EINVAL);
        }
        try (Arena arena = Arena.ofConfined();
                OwnedFd socket = new OwnedFd((int) SystemCall.SOCKET.call("", AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))) {
            boolean isAbstract = name.length > 0 && name[0] == '@';
            if (isAbstract) {
                name[0] = 0;
            }
            MemorySegment target = arena.allocate(2L + name.length + (isAbstract ? 0 : 1), 2);
            target.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
            MemorySegment.copy(name, 0, target, ValueLayout.JAVA_BYTE, 2, name.length);
            byte[] text = message.getBytes(StandardCharsets.UTF_8);
            MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, text);
            long _ = SystemCall.SENDTO.call(
                    address,
                    socket.number(),
                    bytes.address(),
                    text.length,
                    MSG_NOSIGNAL,
                    target.address(),
                    target.byteSize());
        }
    }
}
