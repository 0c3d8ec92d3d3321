package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.OwnedFd;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.frontend.DriverMemory;
import io.lamina.vhostuser.frontend.VhostUserFrontend;
import io.lamina.vhostuser.protocol.MessageCodec;
import io.lamina.vhostuser.protocol.ReceivedFds;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.Request.InflightDescription;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server process that is killed under load, and the next one that goes on with what was under way. */
class KilledServerTest {
    private static final int QUEUE_SIZE = 128;
    private static final int SLOTS = 32;
    private static final int SLOT_BYTES = 8192;
    private static final int FILE_BYTES = 8 << 20;
    private static final int KILLS = 4;

    @TempDir
    private Path directory;

    private Process startServer(Path file, Path socket) throws IOException {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(DataPlane.JVM_FLAGS);
        command.addAll(List.of(
                "-cp",
                System.getProperty("java.class.path"),
                ServeRawFile.class.getName(),
                file.toString(),
                socket.toString()));
        Process server = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        // It says so when it listens; what it says later fits into the pipe.
        String line = server.inputReader().readLine();
        assertTrue(line != null && line.startsWith("listening"), "the server says: " + line);
        return server;
    }

    @Test
    void everyRequestIsAnsweredRightAlthoughTheServerIsKilledAgainAndAgain() throws Exception {
        byte[] content = new byte[FILE_BYTES];
        ByteBuffer words = ByteBuffer.wrap(content).order(ByteOrder.nativeOrder());
        for (int at = 0; at < FILE_BYTES; at += 8) {
            words.putLong(at, PatternDevice.at(at));
        }
        Path file = Files.write(directory.resolve("file"), content);
        Path socket = directory.resolve("socket");
        Random random = new Random(11);
        long answered = 0;
        long[] sectors = new long[SLOTS];
        try (DriverMemory memory = new DriverMemory(2 << 20);
                ReceivedFds inflightFds = new ReceivedFds()) {
            BlockDriver queue = null;
            InflightDescription inflight = null;
            OwnedFd inflightFd = null;
            for (int life = 0; life <= KILLS; life++) {
                Process server = startServer(file, socket);
                try (VhostUserFrontend frontend = VhostUserFrontend.connect(socket)) {
                    long features = BlockDriver.featuresOf(frontend);
                    frontend.negotiateProtocol(-1);
                    frontend.tell(new Request.SetFeatures(features));
                    if (inflightFd == null) {
                        // QEMU 10.0.13 names 128 here and starts a ring of 1024.
                        Request wanted = new Request.GetInflightFd(new InflightDescription(0, 0, 1, QUEUE_SIZE / 8));
                        frontend.send(wanted, false, new byte[0], List.of());
                        inflight = MessageCodec.decodeInflight(frontend.reply(inflightFds));
                        inflightFd = inflightFds.take(0);
                    }
                    frontend.tell(new Request.SetInflightFd(inflight), inflightFd);
                    frontend.tell(new Request.AddMemReg(memory.region()), memory.fd());
                    boolean first = queue == null;
                    if (first) {
                        queue = new BlockDriver(memory, QUEUE_SIZE, SLOTS, SLOT_BYTES, features);
                    }
                    queue.start(frontend, 0, QUEUE_SIZE);
                    if (first) {
                        for (int slot = 0; slot < SLOTS; slot++) {
                            issue(queue, slot, sectors, random);
                        }
                    }
                    int requests = 2000 + random.nextInt(20_000);
                    for (int i = 0; i < requests; i++) {
                        int slot = queue.await(10_000);
                        assertTrue(slot >= 0, "life " + life + ", request " + i + " is answered; seed 11");
                        check(queue, slot, sectors[slot]);
                        answered++;
                        issue(queue, slot, sectors, random);
                    }
                    server.destroyForcibly().waitFor();
                }
            }
            // The last server is dead: what it had published is there, the rest is under way for the next one.
            for (int slot = queue.poll(); slot >= 0; slot = queue.poll()) {
                check(queue, slot, sectors[slot]);
            }
            assertTrue(answered > 2000 * KILLS);
            inflightFd.close();
            queue.close();
        }
    }

    private static void issue(BlockDriver queue, int slot, long[] sectors, Random random) {
        sectors[slot] = random.nextInt((FILE_BYTES - SLOT_BYTES) / 512);
        queue.data(slot).fill((byte) 0x55);
        queue.prepare(slot, VirtioBlk.T_IN, sectors[slot], SLOT_BYTES);
        queue.submit();
    }

    private static void check(BlockDriver queue, int slot, long sector) {
        assertEquals(VirtioBlk.S_OK, queue.status(slot));
        MemorySegment data = queue.data(slot);
        for (long i = 0; i < SLOT_BYTES; i += 8) {
            if (data.get(ValueLayout.JAVA_LONG, i) != PatternDevice.at(sector * 512 + i)) {
                throw new AssertionError("wrong byte at sector " + sector + " + " + i);
            }
        }
    }
}
