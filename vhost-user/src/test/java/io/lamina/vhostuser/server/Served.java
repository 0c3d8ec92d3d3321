package io.lamina.vhostuser.server;

import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.BlockDevice;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.frontend.DriverMemory;
import io.lamina.vhostuser.frontend.VhostUserFrontend;
import io.lamina.vhostuser.protocol.Request;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A device served on a socket in a directory of the test, and what a test needs to use it. */
final class Served implements AutoCloseable {
    static final int QUEUE_SIZE = 128;
    static final int WAIT_MILLIS = 10_000;

    private static final int SLICE_MILLIS = 100;

    final EventLoop loop;
    final SlowLane slowLane;
    final DeviceServer server;
    final Path socket;

    /** Why connections ended, in order. */
    final LinkedBlockingQueue<String> ended = new LinkedBlockingQueue<>();

    private final boolean ownLoop;

    Served(BlockDevice device, Path directory) throws IOException {
        this(device, directory, new EventLoop("test-loop"), new SlowLane(16), true);
    }

    Served(BlockDevice device, Path directory, EventLoop loop, SlowLane slowLane, boolean ownLoop) throws IOException {
        this.loop = loop;
        this.slowLane = slowLane;
        this.ownLoop = ownLoop;
        socket = directory.resolve("device-" + System.identityHashCode(this));
        server = DeviceServer.listen(
                new ServedDevice(device, 4, false, ServedDevice.ANY_UID),
                UnixSocket.listen(socket, 16),
                loop,
                slowLane,
                new DeviceServer.Events() {
                    @Override
                    public void connected(UnixSocket.PeerCredentials peer) {}

                    @Override
                    public void ended(String why) {
                        ended.add(why);
                    }
                });
    }

    /** A front-end that has negotiated everything on offer and handed over its memory. */
    final class Guest implements AutoCloseable {
        final VhostUserFrontend frontend;
        final DriverMemory memory;
        final long features;

        Guest(long memoryBytes) throws IOException {
            frontend = VhostUserFrontend.connect(socket);
            memory = new DriverMemory(memoryBytes);
            features = BlockDriver.featuresOf(frontend);
            frontend.negotiateProtocol(-1);
            frontend.tell(new Request.SetFeatures(features));
            frontend.tell(new Request.AddMemReg(memory.region()), memory.fd());
        }

        /** A queue with two slots of 64 KiB, in operation. */
        BlockDriver queue(int index) throws IOException {
            return queue(index, 2, 1 << 16);
        }

        BlockDriver queue(int index, int slots, long slotBytes) throws IOException {
            BlockDriver driver = new BlockDriver(memory, QUEUE_SIZE, slots, slotBytes, features);
            driver.start(frontend, index, QUEUE_SIZE);
            return driver;
        }

        @Override
        public void close() {
            frontend.close();
            memory.close();
        }
    }

    Guest guest() throws IOException {
        return new Guest(4 << 20);
    }

    /** Waits until a connection has ended and all it held is given up. */
    String awaitEnd() throws InterruptedException {
        String why = null;
        // Slice by slice: time in which the whole machine stood still, this process with it, counts as one of them.
        for (int waited = 0; waited < WAIT_MILLIS && why == null; waited += SLICE_MILLIS) {
            why = ended.poll(SLICE_MILLIS, TimeUnit.MILLISECONDS);
        }
        if (why == null) {
            throw new AssertionError("the connection has not ended");
        }
        return why;
    }

    @Override
    public void close() {
        server.close().orTimeout(WAIT_MILLIS, TimeUnit.MILLISECONDS).join();
        if (ownLoop) {
            loop.close();
            slowLane.close();
        }
    }
}
