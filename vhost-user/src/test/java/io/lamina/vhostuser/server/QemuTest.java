package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.DataFile;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import io.lamina.linux.testing.Machine;
import io.lamina.vhostuser.frontend.BlockLoad;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** QEMU's own front-end against our back-end, and our front-end against QEMU's back-end. */
class QemuTest {
    private static final int TEXT_SECTOR = 2000;
    private static final String TEXT = "read through the ring";

    @TempDir
    private Path directory;

    /**
     * A disk whose boot sector asks the firmware for one sector and writes the text in it to the serial port: the
     * firmware's virtio driver is one that we did not write.
     */
    private Path bootDisk() throws IOException {
        byte[] code = {
            (byte) 0xfa,
            0x31,
            (byte) 0xc0,
            (byte) 0x8e,
            (byte) 0xd8, // cli; xor ax,ax; mov ds,ax
            (byte) 0x8e,
            (byte) 0xd0,
            (byte) 0xbc,
            0x00,
            0x7c, // mov ss,ax; mov sp,0x7c00
            (byte) 0xb4,
            0x42,
            (byte) 0xbe,
            0x40,
            0x7c,
            (byte) 0xcd,
            0x13, // mov ah,0x42; mov si,0x7c40; int 0x13
            (byte) 0xbe,
            0x00,
            (byte) 0x80, // mov si,0x8000
            (byte) 0xac,
            (byte) 0x84,
            (byte) 0xc0,
            0x74,
            0x06, // next: lodsb; test al,al; jz end
            (byte) 0xba,
            (byte) 0xf8,
            0x03,
            (byte) 0xee, // mov dx,0x3f8; out dx,al
            (byte) 0xeb,
            (byte) 0xf5, // jmp next
            (byte) 0xf4,
            (byte) 0xeb,
            (byte) 0xfd, // end: hlt; jmp end
        };
        ByteBuffer disk = ByteBuffer.allocate(4 << 20).order(ByteOrder.LITTLE_ENDIAN);
        disk.put(0, code);
        // The packet for int 0x13, function 0x42: size, sectors, buffer offset and segment, first sector.
        disk.put(0x40, (byte) 16)
                .putShort(0x42, (short) 1)
                .putShort(0x44, (short) 0x8000)
                .putLong(0x48, TEXT_SECTOR);
        disk.putShort(510, (short) 0xaa55);
        disk.put(TEXT_SECTOR * 512, (TEXT + "\n\0").getBytes(StandardCharsets.US_ASCII));
        return Files.write(directory.resolve("disk"), disk.array());
    }

    @ParameterizedTest
    @ValueSource(strings = {"num-queues=1", "num-queues=4", "num-queues=1,disable-legacy=on,iommu_platform=on"})
    void theFirmwareOfAVirtualMachineReadsTheDevice(String options) throws Exception {
        Machine.needsProgram("qemu-system-x86_64");
        Path socket = directory.resolve("socket");
        try (DataPlaneClient client = DataPlaneClient.inProcess(1, new Unheard(new LinkedBlockingQueue<>()));
                OwnedFd file = DataFile.openForReading(bootDisk());
                OwnedFd listening = UnixSocket.listen(socket, 4)) {
            serve(client, file, listening, false);
            Process qemu = machine(socket, options);
            List<String> said = new ArrayList<>();
            try (BufferedReader output = qemu.inputReader()) {
                Thread watchdog = Thread.ofPlatform().daemon().start(() -> {
                    try {
                        if (!qemu.waitFor(60, TimeUnit.SECONDS)) {
                            qemu.destroyForcibly();
                        }
                    } catch (InterruptedException stop) {
                        qemu.destroyForcibly();
                    }
                });
                boolean read = false;
                for (String line = output.readLine(); line != null && !read; line = output.readLine()) {
                    said.add(line);
                    read = line.contains(TEXT);
                    if (read) {
                        break;
                    }
                }
                assertTrue(read, "QEMU said " + said);
                qemu.destroyForcibly().waitFor();
                watchdog.join();
            }
        }
    }

    private static void serve(DataPlaneClient client, OwnedFd file, OwnedFd listening, boolean allowUnsealed)
            throws IOException {
        DeviceSpec.Run whole = new DeviceSpec.Run(0, 4 << 20, client.addFile(file), 0);
        DeviceSpec spec = new DeviceSpec(4 << 20, 512, "boot", 4, allowUnsealed, List.of(whole));
        client.serve(spec, listening, ServedDevice.ANY_UID);
    }

    /** Starts a machine without a kernel: its firmware looks for one on the disk. */
    private static Process machine(Path socket, String options, String... devicesBefore) throws IOException {
        List<String> words = new ArrayList<>(List.of("qemu-system-x86_64", "-m", "128", "-nic", "none"));
        words.addAll(List.of("-machine", "q35,accel=tcg,kernel-irqchip=off", "-display", "none", "-serial", "stdio"));
        words.addAll(List.of("-object", "memory-backend-memfd,id=mem,size=128M,share=on", "-numa", "node,memdev=mem"));
        words.addAll(List.of(devicesBefore));
        words.addAll(List.of("-chardev", "socket,id=c0,path=" + socket));
        words.addAll(List.of("-device", "vhost-user-blk-pci,chardev=c0,bootindex=0," + options));
        return new ProcessBuilder(words).redirectErrorStream(true).start();
    }

    @ParameterizedTest
    @ValueSource(strings = {"intel-iommu,device-iotlb=on", "virtio-iommu-pci"})
    void aVirtualIommuIsRefusedByName(String iommu) throws Exception {
        Machine.needsProgram("qemu-system-x86_64");
        Path socket = directory.resolve("socket");
        LinkedBlockingQueue<String> ends = new LinkedBlockingQueue<>();
        try (DataPlaneClient client = DataPlaneClient.inProcess(1, new Unheard(ends));
                OwnedFd file = DataFile.openForReading(bootDisk());
                OwnedFd listening = UnixSocket.listen(socket, 4)) {
            serve(client, file, listening, false);
            Process qemu = machine(socket, "disable-legacy=on,iommu_platform=on", "-device", iommu);
            try {
                String why = ends.poll(60, TimeUnit.SECONDS);
                assertTrue(String.valueOf(why).contains("a guest behind a virtual IOMMU is not served"), why);
            } finally {
                qemu.destroyForcibly().waitFor();
            }
        }
    }

    @Test
    void ourFrontEndDrivesTheStorageDaemon() throws Exception {
        Machine.needsProgram("qemu-storage-daemon");
        Path socket = directory.resolve("qsd");
        Process daemon = new ProcessBuilder(
                        "qemu-storage-daemon",
                        "--blockdev",
                        "driver=file,filename=" + bootDisk() + ",node-name=d0,read-only=on",
                        "--export",
                        "type=vhost-user-blk,id=e,node-name=d0,addr.type=unix,addr.path=" + socket + ",writable=off")
                .inheritIO()
                .start();
        try {
            while (!Files.exists(socket)) {
                assertTrue(daemon.isAlive(), "qemu-storage-daemon has started");
                Thread.sleep(20);
            }
            assertTrue(new BlockLoad(1, 4096, 8, false, 200).run(socket).requests() > 0);
            assertTrue(new BlockLoad(1, 65536, 2, true, 200).run(socket).requests() > 0);
        } finally {
            daemon.destroyForcibly().waitFor();
        }
    }

    /** Needs a {@code qemu-img} with libblkio, which Debian 12 does not have: {@code LAMINA_QEMU_IMG} names the command. */
    @Test
    @Tag("soak")
    void theBlockLayerOfQemuSeesTheSameBytes() throws Exception {
        String command = System.getenv("LAMINA_QEMU_IMG");
        Machine.need(command != null, "LAMINA_QEMU_IMG, a qemu-img that knows virtio-blk-vhost-user");
        Path disk = bootDisk();
        Path socket = directory.resolve("socket");
        try (DataPlaneClient client = DataPlaneClient.inProcess(1, new Unheard(new LinkedBlockingQueue<>()));
                OwnedFd file = DataFile.openForReading(disk);
                OwnedFd listening = UnixSocket.listen(socket, 4)) {
            // Its memory is a file that can shrink.
            serve(client, file, listening, true);
            List<String> compare = new ArrayList<>(List.of(command.split(" ", -1)));
            compare.addAll(List.of(
                    "compare",
                    "--image-opts",
                    "driver=virtio-blk-vhost-user,path=" + socket + ",cache.direct=on,read-only=on",
                    "driver=raw,file.filename=" + disk));
            assertTrue(new ProcessBuilder(compare).inheritIO().start().waitFor() == 0);
        }
    }

    private record Unheard(LinkedBlockingQueue<String> ends) implements DataPlaneClient.Listener {
        @Override
        public void connected(int deviceId, UnixSocket.PeerCredentials peer) {}

        @Override
        public void ended(int deviceId, String why) {
            ends.add(why);
        }

        @Override
        public void lost() {}
    }
}
