package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.DescriptorStreams;
import io.lamina.linux.ExitStatus;
import io.lamina.linux.LoopDevice;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Pidfd;
import io.lamina.linux.Pipe;
import io.lamina.linux.Spawn;
import io.lamina.linux.UnixSocket;
import io.lamina.linux.testing.Machine;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockClient;
import io.lamina.vhostuser.frontend.VhostUserFrontend;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command as a process, used through its socket and ended by signals. */
class DeviceServeCommandTest {
    private static final int WAIT_MILLIS = 20_000;
    private static final int SLOTS = 16;
    private static final int SLOT_BYTES = 16384;

    @TempDir
    private Path directory;

    /** A running server, and the one line that it has said. */
    private record Server(Pidfd process, String line) implements AutoCloseable {
        ExitStatus end(int signal) throws IOException {
            process.signal(signal);
            return process.waitFor(Duration.ofSeconds(30)).orElseThrow();
        }

        @Override
        public void close() {
            process.close();
        }
    }

    private Server start(Map<Integer, OwnedFd> descriptors, String before, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(
                "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-XX:+UseSerialGC"));
        command.addAll(List.of("-Dlamina.home=" + directory.resolve("home"), "-cp"));
        command.addAll(List.of(System.getProperty("java.class.path"), Main.class.getName(), "device", "serve"));
        command.addAll(List.of(arguments));
        List<String> words = new ArrayList<>(List.of("-c", before + " exec \"$@\"", "sh"));
        words.addAll(command);
        Pipe output = Pipe.create();
        Pidfd process;
        try (OwnedFd theirs = output.writeEnd();
                OwnedFd errors = new OwnedFd(2).duplicate()) {
            Spawn spawn = Spawn.of(Path.of("/bin/sh"), words)
                    .environment(List.of("PATH=/usr/bin:/bin"))
                    .descriptor(1, theirs)
                    .descriptor(2, errors);
            descriptors.forEach(spawn::descriptor);
            process = spawn.start();
        }
        try (OwnedFd ours = output.readEnd();
                BufferedReader lines = new BufferedReader(
                        new InputStreamReader(DescriptorStreams.input(ours), StandardCharsets.UTF_8))) {
            return new Server(process, String.valueOf(lines.readLine()));
        }
    }

    private Server start(String... arguments) throws IOException {
        return start(Map.of(), "", arguments);
    }

    private byte[] content(int bytes) {
        byte[] content = new byte[bytes];
        new Random(7).nextBytes(content);
        return content;
    }

    private static BlockClient connect(Path socket) throws IOException {
        return BlockClient.connect(socket, SLOTS, SLOT_BYTES);
    }

    private static byte[] read(BlockClient client, long sector, int bytes) throws IOException {
        assertEquals(VirtioBlk.S_OK, client.queue().run(VirtioBlk.T_IN, sector, bytes, WAIT_MILLIS));
        return client.queue().data(0).asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
    }

    @Test
    void aSignalEndsItAfterTheRequestsUnderWay() throws Exception {
        byte[] content = content(1_000_001);
        Path file = Files.write(directory.resolve("file"), content);
        Path socket = directory.resolve("made-by-it/socket");
        try (Server server = start("--socket", socket.toString(), "--queues", "2", "--raw", file.toString())) {
            assertEquals("listening on " + socket + ": 1000448 bytes, read-only, 2 queues", server.line());
            assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket.getParent())));
            assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)));
            try (Server second = start("--socket", socket.toString(), "--raw", file.toString())) {
                assertEquals("null", second.line(), "the second one has nothing to say");
                assertEquals(new ExitStatus(125, 0), second.process().waitFor());
            }
            try (BlockClient client = connect(socket)) {
                assertEquals(0, Arrays.compare(Arrays.copyOf(content, 8192), read(client, 0, 8192)));
                byte[] tail = read(client, 1953, 512);
                assertEquals(content[1_000_000], tail[64]);
                assertEquals(0, tail[65], "behind the end of the file are zeroes");
                for (int slot = 0; slot < SLOTS; slot++) {
                    client.queue().data(slot).fill((byte) 0);
                    client.queue().prepare(slot, VirtioBlk.T_IN, 32L * slot, SLOT_BYTES);
                }
                client.queue().submit();
                assertEquals(new ExitStatus(0, 0), server.end(Pidfd.SIGTERM));
                for (int slot = client.queue().poll();
                        slot >= 0;
                        slot = client.queue().poll()) {
                    assertEquals(VirtioBlk.S_OK, client.queue().status(slot));
                    MemorySegment expected = MemorySegment.ofArray(content).asSlice(16384L * slot, SLOT_BYTES);
                    assertEquals(-1, expected.mismatch(client.queue().data(slot)));
                }
            }
            assertFalse(Files.exists(socket));
        }
    }

    @Test
    void aScratchDeviceLosesNoFlushedByteWhenEverythingIsKilled() throws Exception {
        Path socket = directory.resolve("socket");
        Path scratch = directory.resolve("scratch");
        byte[] content = content(SLOT_BYTES);
        for (int life = 0; life < 3; life++) {
            try (Server server =
                    start("--socket", socket.toString(), "--scratch", scratch.toString(), "--size", "67108864")) {
                assertEquals("listening on " + socket + ": 67108864 bytes, writable, 1 queue", server.line());
                try (BlockClient client = connect(socket)) {
                    for (int earlier = 0; earlier < life; earlier++) {
                        assertEquals(0, Arrays.compare(content, read(client, 100_000 + 32L * earlier, SLOT_BYTES)));
                    }
                    client.queue().data(0).copyFrom(MemorySegment.ofArray(content));
                    byte status = client.queue().run(VirtioBlk.T_OUT, 100_000 + 32L * life, SLOT_BYTES, WAIT_MILLIS);
                    assertEquals(VirtioBlk.S_OK, status);
                    assertEquals(VirtioBlk.S_OK, client.queue().run(VirtioBlk.T_FLUSH, 0, 0, WAIT_MILLIS));
                    // The socket stays behind; the next life takes its place.
                    assertEquals(new ExitStatus(0, Pidfd.SIGKILL), server.end(Pidfd.SIGKILL));
                    assertTrue(Files.exists(socket));
                }
            }
        }
        assertEquals(67108864, Files.size(scratch));
        try (Server smaller =
                start("--socket", socket.toString(), "--scratch", scratch.toString(), "--size", "33554432")) {
            assertEquals(new ExitStatus(125, 0), smaller.process().waitFor());
        }
    }

    @Test
    void aListeningSocketIsTakenFromWhoeverKeepsIt() throws Exception {
        byte[] content = content(65536);
        Path file = Files.write(directory.resolve("file"), content);
        Path socket = directory.resolve("socket");
        try (OwnedFd listening = UnixSocket.listen(socket, 4)) {
            for (int round = 0; round < 2; round++) {
                // While nobody serves, a front-end waits in the kernel's queue.
                VhostUserFrontend early = VhostUserFrontend.connect(socket);
                early.close();
                try (Server server = round == 0
                        ? start(Map.of(5, listening), "", "--fd", "5", "--raw", file.toString())
                        : start(
                                Map.of(3, listening),
                                "LISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS;",
                                "--raw",
                                file.toString())) {
                    assertEquals(
                            "listening on descriptor " + (round == 0 ? 5 : 3) + ": 65536 bytes, read-only, 1 queue",
                            server.line());
                    try (BlockClient client = connect(socket)) {
                        assertEquals(
                                0, Arrays.compare(Arrays.copyOf(content, SLOT_BYTES), read(client, 0, SLOT_BYTES)));
                    }
                    assertEquals(new ExitStatus(0, 0), server.end(Pidfd.SIGTERM));
                }
                assertTrue(Files.exists(socket), "it is not the server's to remove");
            }
        }
    }

    @Test
    void aBlockDeviceIsServedAsItIs() throws Exception {
        Machine.needsRoot();
        byte[] content = content(1 << 20);
        Path socket = directory.resolve("socket");
        try (LoopDevice loop = LoopDevice.readOnly(Files.write(directory.resolve("file"), content));
                Server server = start("--socket", socket.toString(), "--raw", loop.path())) {
            assertEquals("listening on " + socket + ": 1048576 bytes, read-only, 1 queue", server.line());
            try (BlockClient client = connect(socket)) {
                for (int at = 0; at < content.length; at += SLOT_BYTES) {
                    byte[] expected = Arrays.copyOfRange(content, at, at + SLOT_BYTES);
                    assertEquals(0, Arrays.compare(expected, read(client, at / 512, SLOT_BYTES)));
                }
            }
            assertEquals(new ExitStatus(0, 0), server.end(Pidfd.SIGTERM));
        }
    }

    @Test
    void whatCannotBeServedIsRefused() throws Exception {
        Path file = Files.write(directory.resolve("file"), content(4096));
        Path open = Files.createDirectory(directory.resolve("open"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path socket = directory.resolve("socket");
        Path empty = Files.createFile(directory.resolve("empty"));
        Path fifo = directory.resolve("fifo");
        assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
        List<List<String>> wrong = List.of(
                List.of("--raw", file.toString()),
                List.of("--socket", socket.toString()),
                List.of("--socket", socket.toString(), "--raw", file.toString(), "--size", "512"),
                List.of("--socket", socket.toString(), "--scratch", file.toString()),
                List.of("--socket", socket.toString(), "--scratch", file.toString(), "--size", "513"),
                List.of("--socket", socket.toString(), "--fd", "3", "--raw", file.toString()),
                List.of("--socket", socket.toString(), "--queues", "65", "--raw", file.toString()));
        for (List<String> arguments : wrong) {
            try (Server server = start(arguments.toArray(new String[0]))) {
                assertEquals(new ExitStatus(2, 0), server.process().waitFor(), arguments.toString());
            }
        }
        List<List<String>> impossible = List.of(
                List.of("--socket", open.resolve("socket").toString(), "--raw", file.toString()),
                List.of("--socket", file.toString(), "--raw", file.toString()),
                List.of("--socket", socket.toString(), "--raw", directory.toString()),
                List.of("--socket", socket.toString(), "--raw", "/dev/null"),
                List.of("--socket", socket.toString(), "--raw", fifo.toString()),
                List.of("--socket", socket.toString(), "--raw", empty.toString()),
                List.of("--fd", "1", "--raw", file.toString()));
        for (List<String> arguments : impossible) {
            try (Server server = start(arguments.toArray(new String[0]))) {
                assertEquals(new ExitStatus(125, 0), server.process().waitFor(), arguments.toString());
            }
        }
    }
}
