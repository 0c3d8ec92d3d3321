package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A {@link PatternDevice} that is served anew for each test. Whatever the test has done: after it the device is closed
 * once, and no descriptor is open that was not open before.
 */
final class ServedPattern implements BeforeEachCallback, AfterEachCallback {
    static final long SIZE_BYTES = 1 << 20;

    private List<String> openBefore = List.of();
    private Path directory;
    private PatternDevice device;
    private Served served;

    @Override
    public void beforeEach(ExtensionContext context) throws IOException {
        openBefore = OpenDescriptors.list();
        directory = Files.createTempDirectory("served");
        device = new PatternDevice(SIZE_BYTES);
        served = new Served(device, directory);
    }

    @Override
    public void afterEach(ExtensionContext context) throws IOException, InterruptedException {
        device.slow = false;
        device.letThrough.release(1000);
        served.close();
        assertEquals(1, device.closed.get(), "the device is closed once");
        OpenDescriptors.awaitSame(openBefore);
        try (Stream<Path> sockets = Files.list(directory)) {
            for (Path socket : sockets.toList()) {
                Files.delete(socket);
            }
        }
        Files.delete(directory);
    }

    PatternDevice device() {
        return device;
    }

    Served served() {
        return served;
    }

    /** A new front-end reads, and what it reads is right. */
    void assertStillServes() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, 3, 4096, Served.WAIT_MILLIS));
            assertPattern(queue.data(0), 3 * 512, 4096);
        }
    }

    /** These bytes are those of the device from an offset on. */
    static void assertPattern(MemorySegment data, long offsetBytes, long lengthBytes) {
        for (long i = 0; i < lengthBytes; i += 8) {
            if (data.get(ValueLayout.JAVA_LONG, i) != PatternDevice.at(offsetBytes + i)) {
                throw new AssertionError("wrong byte near offset " + (offsetBytes + i));
            }
        }
    }
}
