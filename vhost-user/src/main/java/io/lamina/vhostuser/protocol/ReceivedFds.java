package io.lamina.vhostuser.protocol;

import io.lamina.linux.OwnedFd;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Descriptors that came with bytes of a socket, in order. Each is taken by one new owner or closed with this object. */
public final class ReceivedFds implements AutoCloseable {
    private final List<@Nullable OwnedFd> fds = new ArrayList<>();

    /** How many came. */
    public int count() {
        return fds.size();
    }

    /** Hands descriptor {@code index} over to the caller, who closes it. */
    public OwnedFd take(int index) throws VhostUserException {
        if (index >= fds.size()) {
            throw new VhostUserException("descriptor " + index + " is missing, " + fds.size() + " came along");
        }
        OwnedFd fd = fds.set(index, null);
        if (fd == null) {
            throw new IllegalStateException("descriptor " + index + " is taken already");
        }
        return fd;
    }

    void add(OwnedFd fd) {
        fds.add(fd);
    }

    @Override
    public void close() {
        for (OwnedFd fd : fds) {
            if (fd != null) {
                fd.close();
            }
        }
        fds.clear();
    }
}
