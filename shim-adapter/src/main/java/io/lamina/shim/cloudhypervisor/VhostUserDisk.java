package io.lamina.shim.cloudhypervisor;

import java.nio.file.Path;
import java.util.List;

/**
 * Cloud Hypervisor's arguments for a disk that a vhost-user backend serves (docs/device_model.md, version 53). It connects
 * as a client, waits up to 60 s for the socket, and gives the disk up for good when the backend is away for longer.
 */
public final class VhostUserDisk {
    private VhostUserDisk() {}

    /**
     * The arguments.
     *
     * @param socket where the backend listens
     * @param memoryMiB of the guest, shared with the backend
     * @throws IllegalArgumentException if the path has a character that ends an option there
     */
    public static List<String> arguments(Path socket, int memoryMiB) {
        String path = socket.toString();
        if (path.chars().anyMatch(c -> ",\"[]".indexOf(c) >= 0)) {
            throw new IllegalArgumentException(
                    path + ": Cloud Hypervisor's options cannot hold a path with , \" [ or ]");
        }
        return List.of(
                "--memory",
                "size=" + memoryMiB + "M,shared=on",
                "--disk",
                "vhost_user=true,socket=" + path + ",num_queues=1,queue_size=128");
    }
}
