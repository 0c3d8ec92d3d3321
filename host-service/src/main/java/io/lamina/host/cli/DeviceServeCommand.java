package io.lamina.host.cli;

import io.lamina.host.attach.DataPlaneProcess;
import io.lamina.host.attach.InheritedSocket;
import io.lamina.host.attach.ReadCheck;
import io.lamina.host.attach.ScratchFile;
import io.lamina.host.attach.SocketPath;
import io.lamina.linux.DataFile;
import io.lamina.linux.FdStatus;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.ProcessRights;
import io.lamina.linux.ProcessWatch;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.server.DataPlaneClient;
import io.lamina.vhostuser.server.DeviceSpec;
import io.lamina.vhostuser.server.ServedDevice;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lamina device serve}. */
@Command(
        name = "serve",
        description = {
            "Serves a device to virtual machines over vhost-user-blk, in the foreground.",
            "",
            "It prints one line when it listens. One machine is served at a time; the next one may connect when it has gone. "
                    + "SIGTERM ends it with status 0 after the requests under way are answered."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina device serve --socket /run/vm1/image.sock oci:layout:latest",
            "  lamina device serve --socket /run/vm1/disk.sock --queues 4 --raw disk.img",
            "  lamina device serve --socket /run/vm1/scratch.sock --scratch vm1.scratch --size 10737418240",
            "  systemd-socket-activate -l /run/vm1/image.sock lamina device serve oci:layout:latest",
            "",
            "QEMU connects with  -chardev socket,id=c,path=SOCKET,reconnect-ms=500 -device vhost-user-blk-pci,chardev=c"
        })
final class DeviceServeCommand implements Callable<Integer> {
    /** What is served. */
    static final class What {
        @Parameters(
                paramLabel = "IMAGE|LAYER",
                arity = "1..*",
                description = {"An image or layers, as the other commands of device take them: a read-only device."})
        private List<String> sources = List.of();

        @Option(
                names = "--raw",
                paramLabel = "FILE",
                description = "This file or block device as it is: a read-only device.")
        private @Nullable Path raw;

        @Option(
                names = "--scratch",
                paramLabel = "FILE",
                description = "This sparse file, which is made if it is missing: a writable device of --size bytes.")
        private @Nullable Path scratch;
    }

    @Spec
    private CommandSpec command = CommandSpec.create();

    @ArgGroup(exclusive = true, multiplicity = "1")
    private What what = new What();

    @Option(
            names = "--size",
            paramLabel = "BYTES",
            description = "The scratch device's size, a multiple of 512: nothing is written beyond it.")
    private @Nullable Long sizeBytes;

    @Option(
            names = "--socket",
            paramLabel = "PATH",
            description = {
                "Listen here. The socket is for this user alone, and so is its directory when it has to be made. Without it, "
                        + "on the socket that systemd passes."
            })
    private @Nullable Path socket;

    @Option(names = "--fd", paramLabel = "N", description = "Listen on this inherited descriptor instead.")
    private @Nullable Integer fd;

    @Option(
            names = "--queues",
            paramLabel = "N",
            defaultValue = "1",
            description = "Queues on offer, 1 to " + ServedDevice.MAX_QUEUES + " (default: ${DEFAULT-VALUE}).")
    private int queues = 1;

    @Option(
            names = "--peer-uid",
            paramLabel = "UID",
            description = "The user id that may connect, -1 for any (default: this user's).")
    private @Nullable Integer peerUid;

    @Option(
            names = "--allow-unsealed-memory",
            description = {
                "Take a machine whose memory can still be taken away (no F_SEAL_SHRINK), such as libblkio's: it can then break "
                        + "its own device."
            })
    private boolean allowUnsealedMemory;

    @Option(
            names = "--verify-on-read",
            paramLabel = "WHEN",
            defaultValue = "off",
            description = {
                "Check the blocks of an image or of layers before a machine gets them: off (default), once, until a block was "
                        + "found right, or always. Reading a wrong block is then an I/O error for the machine, and is told "
                        + "on standard error."
            })
    private ReadCheck verifyOnRead = ReadCheck.OFF;

    @Option(names = "--until-pid", paramLabel = "PID", description = "End as by SIGTERM when this process ends.")
    private @Nullable Long untilPid;

    @Option(names = "--verbose", description = "Tell each step on standard error.")
    private boolean verbose;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        checkOptions();
        if (what.raw != null) {
            serveRaw(what.raw);
        } else if (what.scratch != null && sizeBytes != null) {
            serveScratch(what.scratch, sizeBytes);
        } else {
            DeviceArguments.withDevice(
                    command,
                    what.sources,
                    verbose,
                    _ -> {},
                    device -> serve(plane -> plane.describe(device, verifyOnRead, queues, allowUnsealedMemory)));
        }
        return 0;
    }

    private void checkOptions() {
        if (queues < 1 || queues > ServedDevice.MAX_QUEUES) {
            throw wrong("--queues " + queues + ": 1 to " + ServedDevice.MAX_QUEUES + " are possible");
        }
        if ((what.scratch == null) != (sizeBytes == null)) {
            throw wrong("--scratch and --size go together");
        }
        if (sizeBytes != null && (sizeBytes <= 0 || sizeBytes % VirtioBlk.SECTOR_BYTES != 0)) {
            throw wrong("--size " + sizeBytes + ": a multiple of " + VirtioBlk.SECTOR_BYTES + " above 0 is needed");
        }
        if (verifyOnRead != ReadCheck.OFF && what.sources.isEmpty()) {
            throw wrong("--verify-on-read needs an image or layers: what is served as it is has no hash tree");
        }
        if (socket != null && fd != null) {
            throw wrong("--socket and --fd: one of them");
        }
    }

    private ParameterException wrong(String why) {
        return new ParameterException(command.commandLine(), why);
    }

    private void serveRaw(Path path) throws IOException {
        try (OwnedFd file = DataFile.openForReading(path)) {
            FdStatus status = FdStatus.of(file);
            if (!status.isRegularFile() && !status.isBlockDevice()) {
                throw new IOException(path + ": is neither a regular file nor a block device");
            }
            long size = (DataFile.lengthBytes(file) + VirtioBlk.SECTOR_BYTES - 1) & -VirtioBlk.SECTOR_BYTES;
            if (size == 0) {
                throw new IOException(path + ": is empty, and a device of no bytes is none");
            }
            DeviceDescription device = new DeviceDescription(size, VirtioBlk.SECTOR_BYTES, true, "lamina-raw");
            serve(plane -> plane.describe(file, device, queues, allowUnsealedMemory));
        }
    }

    private void serveScratch(Path path, long size) throws IOException, InterruptedException {
        try (OwnedFd file = ScratchFile.open(path, size)) {
            DeviceDescription device = new DeviceDescription(size, VirtioBlk.SECTOR_BYTES, false, "lamina-scratch");
            serve(plane -> plane.describe(file, device, queues, allowUnsealedMemory));
        }
    }

    /** Tells the data plane what the device is. */
    @FunctionalInterface
    private interface Handover {
        DeviceSpec to(DataPlaneProcess plane) throws IOException;
    }

    /** Where front-ends connect. */
    private record Listening(
            OwnedFd fd, String name, @Nullable SocketPath path) implements AutoCloseable {
        /** Front-ends that look for the device find nothing any more. */
        void hide() throws IOException {
            if (path != null) {
                path.hide();
            }
        }

        @Override
        public void close() throws IOException {
            fd.close();
            if (path != null) {
                path.close();
            }
        }
    }

    private Listening listening() throws IOException {
        OptionalInt inherited = fd != null
                ? OptionalInt.of(fd)
                : InheritedSocket.fromSystemd(
                        System.getenv(), ProcessHandle.current().pid());
        if (inherited.isPresent()) {
            OwnedFd taken = InheritedSocket.take(inherited.getAsInt());
            return new Listening(taken, "descriptor " + inherited.getAsInt(), null);
        }
        if (socket == null) {
            throw wrong("nowhere to listen: give --socket PATH or --fd N, or let systemd pass a socket");
        }
        SocketPath path = SocketPath.listen(socket);
        return new Listening(path.listening(), socket.toString(), path);
    }

    /** Serves until a signal ends this process, which then does not return from here, or the data plane is lost. */
    private void serve(Handover handover) throws IOException {
        CountDownLatch lost = new CountDownLatch(1);
        Listening listening = listening();
        try (listening;
                DataPlaneProcess plane = DataPlaneProcess.start(new Watch(lost))) {
            DeviceSpec device = handover.to(plane);
            Thread onSignal = Thread.ofPlatform().unstarted(() -> endInOrder(plane, listening));
            Runtime.getRuntime().addShutdownHook(onSignal);
            plane.listen(device, listening.fd, peerUid == null ? ProcessRights.userId() : peerUid);
            // The data plane's alone now: if that is lost, a front-end that comes back must not wait here for nobody.
            listening.fd.close();
            boolean readOnly = device.description().readOnly();
            long size = device.description().sizeBytes();
            form.print(new Answer()
                    .withHidden("socket", listening.name)
                    .withHidden("sizeBytes", size)
                    .withHidden("readOnly", readOnly)
                    .withHidden("queues", queues)
                    .withLines(List.of("listening on " + listening.name + ": " + size + " bytes, "
                            + (readOnly ? "read-only" : "writable") + ", " + queues
                            + (queues == 1 ? " queue" : " queues"))));
            System.out.flush();
            if (untilPid != null) {
                // Kept by its own thread; the hook then ends everything in order.
                ProcessWatch _ = ProcessWatch.of(untilPid, () -> System.exit(0));
            }
            lost.await();
            Runtime.getRuntime().removeShutdownHook(onSignal);
            throw new IOException("the data plane has ended; machines wait until the device is served again");
        } catch (InterruptedException stop) {
            throw new InterruptedIOException("while serving");
        } catch (IOException failure) {
            throw failure;
        } catch (Exception unclosed) {
            throw new IOException("giving up " + listening.name, unclosed);
        }
    }

    /** Runs when a signal has come; the process ends with it. */
    private static void endInOrder(DataPlaneProcess plane, Listening listening) {
        int status = 0;
        try {
            // First of all, so that a front-end that is sent away does not find this server once more.
            listening.hide();
            plane.stop();
            listening.close();
        } catch (Exception failure) {
            System.err.println("lamina: " + failure.getMessage());
            status = Failures.status(failure);
        }
        Runtime.getRuntime().halt(status);
    }

    private record Watch(CountDownLatch whenLost) implements DataPlaneClient.Listener {
        @Override
        public void connected(int deviceId, UnixSocket.PeerCredentials peer) {}

        @Override
        public void ended(int deviceId, String why) {}

        @Override
        public void wrongBlock(int deviceId, long startBytes, long count) {
            System.err.println("lamina: " + ReadCheck.told(startBytes, count));
        }

        @Override
        public void lost() {
            whenLost.countDown();
        }
    }
}
