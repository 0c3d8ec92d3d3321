package io.lamina.vhostuser.server;

import io.lamina.vhostuser.block.BlockDevice;

/**
 * A device and how it is to be served.
 *
 * @param queues on offer, 1 to {@link #MAX_QUEUES}
 * @param allowUnsealedMemory takes guest memory whose file can still shrink; only in a process of its own, since such a
 *     front-end can hurt every device of the process
 * @param peerUid the only user id that may connect, or {@link #ANY_UID}
 */
public record ServedDevice(BlockDevice device, int queues, boolean allowUnsealedMemory, int peerUid) {
    /** More queues than anybody has processors for in a guest. */
    public static final int MAX_QUEUES = 64;

    /** Who may connect is decided by the directory of the socket alone. */
    public static final int ANY_UID = -1;

    public ServedDevice {
        if (queues < 1 || queues > MAX_QUEUES) {
            throw new IllegalArgumentException(queues + " queues");
        }
    }
}
