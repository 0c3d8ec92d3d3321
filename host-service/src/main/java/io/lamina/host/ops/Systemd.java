package io.lamina.host.ops;

import io.lamina.linux.DatagramSocket;
import java.io.IOException;

/** Words to systemd, where it has started us (sd_notify(3)). */
public final class Systemd {
    private Systemd() {}

    /** Says {@code state}, such as {@code READY=1}, if anybody listens. */
    public static void say(String state) throws IOException {
        String socket = System.getenv("NOTIFY_SOCKET");
        if (socket != null && !socket.isEmpty()) {
            DatagramSocket.send(socket, state);
        }
    }
}
