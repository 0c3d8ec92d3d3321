package io.lamina.vhostuser.frontend;

import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.protocol.Request;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A front-end that has negotiated everything on offer, with memory of its own and one queue in operation: the shortest
 * way to use a device. One thread at a time.
 */
public final class BlockClient implements AutoCloseable {
    private static final int QUEUE_SIZE = 128;

    /** Beside the data: ring and headers. */
    private static final long FRAME_BYTES = 1 << 16;

    private final VhostUserFrontend frontend;
    private final DriverMemory memory;
    private final BlockDriver queue;

    /** Connects to who listens at {@code socket}. */
    public static BlockClient connect(Path socket, int slots, int slotBytes) throws IOException {
        return new BlockClient(UnixSocket.connect(socket), slots, slotBytes);
    }

    /**
     * Uses a connected socket, which is taken over.
     *
     * @param slots requests under way at once, 1 to 42
     * @param slotBytes the longest request
     */
    public BlockClient(OwnedFd connected, int slots, int slotBytes) throws IOException {
        frontend = new VhostUserFrontend(connected);
        DriverMemory made = null;
        boolean started = false;
        try {
            long page = 4096;
            made = new DriverMemory((FRAME_BYTES + (long) slots * slotBytes + page - 1) & -page);
            long features = BlockDriver.featuresOf(frontend);
            frontend.negotiateProtocol(-1);
            frontend.tell(new Request.SetFeatures(features));
            frontend.tell(new Request.AddMemReg(made.region()), made.fd());
            queue = new BlockDriver(made, QUEUE_SIZE, slots, slotBytes, features);
            queue.start(frontend, 0, QUEUE_SIZE);
            memory = made;
            started = true;
        } finally {
            if (!started) {
                frontend.close();
                if (made != null) {
                    made.close();
                }
            }
        }
    }

    /** The connection. */
    public VhostUserFrontend frontend() {
        return frontend;
    }

    /** The queue, number 0. */
    public BlockDriver queue() {
        return queue;
    }

    @Override
    public void close() {
        queue.close();
        frontend.close();
        memory.close();
    }
}
