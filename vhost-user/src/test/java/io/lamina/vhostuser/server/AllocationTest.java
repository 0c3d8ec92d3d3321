package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.lamina.linux.DataFile;
import io.lamina.linux.OwnedFd;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.Extent;
import io.lamina.vhostuser.block.ExtentDevice;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the garbage collector would have to do for a busy device: nothing. */
class AllocationTest {
    private static final int FILE_BYTES = 4 << 20;
    private static final int SLOTS = 8;
    private static final int BLOCK_BYTES = 4096;
    private static final int WARM_UP = 300_000;
    private static final int REQUESTS = 300_000;

    @TempDir
    private Path directory;

    @Test
    void aRequestAllocatesNothing() throws IOException {
        Path path = Files.write(directory.resolve("file"), new byte[FILE_BYTES]);
        OwnedFd file = DataFile.openForReading(path);
        ExtentDevice device = new ExtentDevice(
                new DeviceDescription(FILE_BYTES, 512, true, "allocation"),
                List.of(new Extent(0, FILE_BYTES, new Extent.Source.InFile(file, 0))),
                file);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Served served = new Served(device, directory);
                Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0, SLOTS, BLOCK_BYTES)) {
            long loop = Thread.getAllStackTraces().keySet().stream()
                    .filter(thread -> thread.getName().startsWith("test-loop"))
                    .mapToLong(Thread::threadId)
                    .max()
                    .orElseThrow();
            drive(queue, WARM_UP);
            long before = threads.getThreadAllocatedBytes(loop);
            drive(queue, REQUESTS);
            long allocated = threads.getThreadAllocatedBytes(loop) - before;
            // A compiler that changes its mind, or a kick that the driver had to give, may cost a little.
            assertTrue(allocated < REQUESTS, allocated + " bytes for " + REQUESTS + " requests");
        }
    }

    private static void drive(BlockDriver queue, int requests) throws IOException {
        for (int slot = 0; slot < SLOTS; slot++) {
            queue.prepare(slot, VirtioBlk.T_IN, 8L * slot, BLOCK_BYTES);
        }
        queue.submit();
        for (int done = 0; done < requests; done++) {
            int slot = queue.await(Served.WAIT_MILLIS);
            assertEquals(VirtioBlk.S_OK, queue.status(slot));
            queue.prepare(slot, VirtioBlk.T_IN, done % (FILE_BYTES / 512 - 8), BLOCK_BYTES);
            queue.submit();
        }
        for (int left = SLOTS; left > 0; left--) {
            assertEquals(VirtioBlk.S_OK, queue.status(queue.await(Served.WAIT_MILLIS)));
        }
    }
}
