package io.lamina.host.attach;

import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import java.io.IOException;
import java.util.Map;
import java.util.OptionalInt;

/**
 * A listening socket that another process has made and keeps through restarts of this one: clients never find nobody
 * there. systemd announces them in its environment ({@code sd_listen_fds(3)}).
 */
public final class InheritedSocket {
    /** The first descriptor that systemd passes, {@code SD_LISTEN_FDS_START}. */
    private static final int FIRST = 3;

    private InheritedSocket() {}

    /**
     * The descriptor that systemd passed to the process {@code pid}, if it passed one.
     *
     * @throws IOException when it passed several: what serves, serves on one
     */
    public static OptionalInt fromSystemd(Map<String, String> environment, long pid) throws IOException {
        String count = environment.get("LISTEN_FDS");
        if (count == null || !Long.toString(pid).equals(environment.get("LISTEN_PID"))) {
            return OptionalInt.empty();
        }
        if (!count.equals("1")) {
            throw new IOException("LISTEN_FDS is " + count + ": one socket is wanted");
        }
        return OptionalInt.of(FIRST);
    }

    /**
     * Takes the descriptor {@code number} over.
     *
     * @throws IOException when it is no listening unix stream socket
     */
    public static OwnedFd take(int number) throws IOException {
        OwnedFd fd = new OwnedFd(number);
        if (!UnixSocket.isListening(fd)) {
            throw new IOException("descriptor " + number + " is no listening unix stream socket");
        }
        fd.setCloseOnExec(true);
        fd.setNonBlocking();
        return fd;
    }
}
