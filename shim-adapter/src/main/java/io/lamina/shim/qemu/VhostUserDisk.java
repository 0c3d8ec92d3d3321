package io.lamina.shim.qemu;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * QEMU's arguments for a disk that a vhost-user backend serves. Guest memory must be shared with the backend, and ours
 * asks that it cannot shrink: a sealed memfd.
 *
 * @param id names character device and disk
 * @param where the character device's options: {@code fd=N}, or {@code path=…}
 */
public record VhostUserDisk(String id, String where) {
    /** A disk on a connected socket that QEMU inherits as {@code descriptor}. */
    public static VhostUserDisk inherited(String id, int descriptor) {
        return new VhostUserDisk(id, "fd=" + descriptor);
    }

    /** A disk on a socket that QEMU connects to, and again after the backend was away. */
    public static VhostUserDisk at(String id, Path socket) {
        // A comma would end the option; doubled it is a comma.
        return new VhostUserDisk(id, "path=" + socket.toString().replace(",", ",,") + ",reconnect-ms=500");
    }

    /** The disk itself. */
    public List<String> arguments() {
        return List.of(
                "-chardev",
                "socket,id=" + id + "," + where,
                "-device",
                "vhost-user-blk-pci,chardev=" + id + ",num-queues=1,queue-size=128");
    }

    /** The option of {@code -machine} that makes {@link #memory} the guest's memory. */
    public static String machineMemory() {
        return "memory-backend=ram";
    }

    /** The object that is the guest's memory; the backend's demand. */
    public static List<String> memory(int memoryMiB) {
        return List.of("-object", "memory-backend-memfd,id=ram,size=" + memoryMiB + "M,share=on,seal=on");
    }

    /** All that a command line needs for this disk, of a machine with so much memory. */
    public List<String> withMemory(int memoryMiB) {
        return Stream.of(List.of("-machine", machineMemory(), "-m", memoryMiB + "M"), memory(memoryMiB), arguments())
                .flatMap(List::stream)
                .toList();
    }
}
