package io.lamina.vhostuser.server;

import io.lamina.linux.OwnedFd;
import java.util.concurrent.atomic.AtomicInteger;

/** A file that several devices read; it is closed when the last of its users has released it. For every thread. */
final class SharedFile {
    private final OwnedFd fd;
    private final AtomicInteger users = new AtomicInteger(1);

    /** Takes over the descriptor, with one user: who made this object. */
    SharedFile(OwnedFd fd) {
        this.fd = fd;
    }

    OwnedFd fd() {
        return fd;
    }

    /** Adds a user; there is one already. */
    void retain() {
        users.incrementAndGet();
    }

    void release() {
        if (users.decrementAndGet() == 0) {
            fd.close();
        }
    }
}
