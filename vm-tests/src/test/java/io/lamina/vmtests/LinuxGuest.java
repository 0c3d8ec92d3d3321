package io.lamina.vmtests;

import io.lamina.host.guestimage.DebianPackages;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A Linux guest of Debian's kernel and busybox that reads or watches {@code /dev/vda} and tells the console of it, under
 * a QEMU that {@code LAMINA_QEMU} may name, such as another version's.
 */
final class LinuxGuest implements AutoCloseable {
    private static final String QEMU = System.getenv().getOrDefault("LAMINA_QEMU", "qemu-system-x86_64");
    private static final int PATIENCE_SECONDS = 300;
    private static final List<String> MEMORY = List.of(
            "-m", "256", "-object", "memory-backend-memfd,id=mem,size=256M,share=on", "-numa", "node,memdev=mem");

    private static final String INIT = """
            #!/bin/busybox sh
            /bin/busybox --install -s /bin
            export PATH=/bin
            mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
            insmod /virtio_blk.ko
            errors() { dmesg | grep -ciE "i/o error|timed out"; }
            sum() { dd if=/dev/vda bs=1M 2>/dev/null | sha256sum | cut -c1-64; }
            echo "GUEST up"
            while ! grep -q job=watch /proc/cmdline; do
              echo 3 >/proc/sys/vm/drop_caches
              echo "GUEST sum $(sum) errors $(errors) queues $(ls /sys/block/vda/mq | wc -l)"
            done
            seen=0
            while true; do
              if [ $seen = 0 ] && [ -b /dev/vda ]; then seen=1; echo "GUEST plugged $(sum)"; fi
              if [ $seen = 1 ] && [ ! -b /dev/vda ]; then seen=0; echo "GUEST unplugged"; fi
              usleep 100000
            done
            """;

    private final Process process;
    private final Path control;
    private final LinkedBlockingQueue<String> said = new LinkedBlockingQueue<>();
    private final List<String> console = new ArrayList<>();

    /** Kernel and initramfs. */
    record Image(Path kernel, Path initramfs) {
        /** Makes them in a directory, of packages that are kept in {@code packages}. */
        static Image in(Path directory, Path packages) throws IOException, InterruptedException {
            DebianPackages debian = new DebianPackages(packages);
            if (debian.isMissing()) {
                debian.download();
            }
            Path root = Files.createDirectories(directory.resolve("root"));
            for (String name : List.of("bin", "proc", "sys", "dev")) {
                Files.createDirectories(root.resolve(name));
            }
            Path unpacked = directory.resolve("packages");
            for (String prefix : List.of("linux-image-", "busybox-static_")) {
                LaminaCommand.tool(
                        "dpkg-deb",
                        "-x",
                        only(debian.debs(), ".*/" + prefix + ".*deb").toString(),
                        unpacked.toString());
            }
            Path module = only(unpacked, ".*/virtio_blk\\.ko\\.xz");
            LaminaCommand.tool("sh", "-c", "xz -dc " + module + " >" + root.resolve("virtio_blk.ko"));
            Files.copy(
                    only(unpacked, ".*/bin/busybox"), root.resolve("bin/busybox"), StandardCopyOption.COPY_ATTRIBUTES);
            Files.writeString(root.resolve("init"), INIT);
            LaminaCommand.tool("chmod", "755", root.resolve("init").toString());
            Path initramfs = directory.resolve("initramfs");
            LaminaCommand.tool("sh", "-c", "cd " + root + " && find . | busybox cpio -o -H newc >" + initramfs);
            return new Image(only(unpacked, ".*/vmlinuz-.*"), initramfs);
        }

        private static Path only(Path directory, String name) throws IOException {
            try (Stream<Path> files = Files.walk(directory)) {
                return files.filter(file -> file.toString().matches(name) && Files.isRegularFile(file))
                        .findFirst()
                        .orElseThrow(() -> new IOException("no " + name + " in " + directory));
            }
        }
    }

    /**
     * Boots.
     *
     * @param control where its monitor is to listen
     * @param words of the kernel's command line
     * @param options of QEMU
     */
    LinuxGuest(Image image, Path control, String words, List<String> options) throws IOException {
        this(image, control, words, MEMORY, options);
    }

    /** Boots with what {@code arguments} give the machine: its memory, and disks. */
    static LinuxGuest with(Image image, Path control, List<String> arguments) throws IOException {
        return new LinuxGuest(image, control, "", List.of(), arguments);
    }

    private LinuxGuest(Image image, Path control, String words, List<String> memory, List<String> options)
            throws IOException {
        this.control = control;
        List<String> line = new ArrayList<>(List.of(QEMU.split(" ", -1)));
        line.addAll(List.of("-machine", "q35,accel=tcg", "-cpu", "qemu64", "-smp", "2"));
        line.addAll(memory);
        line.addAll(List.of("-kernel", image.kernel.toString(), "-initrd", image.initramfs.toString()));
        line.addAll(List.of("-append", "console=ttyS0 quiet panic=-1 " + words));
        line.addAll(List.of("-nic", "none", "-display", "none", "-serial", "stdio", "-no-reboot"));
        line.addAll(List.of("-qmp", "unix:" + control + ",server=on,wait=off"));
        line.addAll(options);
        process = new ProcessBuilder(line).redirectErrorStream(true).start();
        Thread.ofPlatform().daemon().start(this::listen);
    }

    /** Options for a disk that reconnects when its server has gone. */
    static List<String> disk(Path socket, String more) {
        return List.of(
                "-chardev",
                "socket,id=c0,path=" + socket + "," + (QEMU.contains("7.2") ? "reconnect=1" : "reconnect-ms=100"),
                "-device",
                "vhost-user-blk-pci,id=d0,chardev=c0" + more);
    }

    private void listen() {
        try (BufferedReader output = process.inputReader(StandardCharsets.ISO_8859_1)) {
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                synchronized (console) {
                    console.add(line);
                }
                if (line.contains("Kernel panic")) {
                    said.add(line);
                }
                int at = line.indexOf("GUEST ");
                if (at >= 0) {
                    said.add(line.substring(at + 6));
                }
            }
        } catch (IOException closed) {
            // The machine has ended.
        }
    }

    /** What the guest says next; fails with the console when it stays silent. */
    String next() throws InterruptedException {
        String line = null;
        // Second by second: time in which the whole machine stood still, this process with it, counts as one of them.
        for (int second = 0; second < PATIENCE_SECONDS && line == null; second++) {
            line = said.poll(1, TimeUnit.SECONDS);
        }
        if (line == null) {
            String status;
            try {
                status = tell("{\"execute\": \"query-status\"}");
            } catch (IOException dead) {
                status = dead.toString();
            }
            synchronized (console) {
                throw new AssertionError(
                        "the guest is silent for " + PATIENCE_SECONDS + " s, " + status + "; its console: " + console);
            }
        }
        return line;
    }

    /** Everything that the guest has said and nobody has heard is forgotten. */
    void forget() {
        said.clear();
    }

    /** Tells the monitor some commands (QMP) and answers the last reply. */
    String tell(String... commands) throws IOException {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(control));
            BufferedReader replies =
                    new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8));
            BufferedWriter out = new BufferedWriter(
                    new OutputStreamWriter(Channels.newOutputStream(channel), StandardCharsets.UTF_8));
            List<String> all = new ArrayList<>(List.of("{\"execute\": \"qmp_capabilities\"}"));
            all.addAll(List.of(commands));
            String reply = replies.readLine();
            for (String command : all) {
                out.write(command + "\n");
                out.flush();
                do {
                    reply = String.valueOf(replies.readLine());
                } while (reply.contains("\"event\""));
            }
            return reply;
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
        process.onExit().join();
    }
}
