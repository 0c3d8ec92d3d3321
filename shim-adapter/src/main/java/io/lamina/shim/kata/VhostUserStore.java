package io.lamina.shim.kata;

import io.lamina.images.CorruptImageException;
import io.lamina.shim.attachment.Texts;
import java.nio.file.Path;

/**
 * Route F: how the Go runtime finds a vhost-user backend (pkg/device/config/config.go, getVhostUserHostPath): a block
 * device node with a major number that stands for vhost-user, and a socket of the node's name. One entry that cannot be
 * looked at makes every lookup fail, so that both appear and go whole.
 *
 * @param root the runtime's {@code vhost_user_store_path}
 */
public record VhostUserStore(Path root) {
    /** The runtime's default. */
    public static final Path DEFAULT_ROOT = Path.of("/var/run/kata-containers/vhost-user");

    /** The major number of a node that stands for vhost-user-blk. */
    public static final int MAJOR_BLOCK = 241;

    /** Minor numbers have 20 bits. */
    public static final int MAX_MINOR = 0xFFFFF;

    /** Where nodes are. */
    public Path nodes() {
        return root.resolve("block/devices");
    }

    /** Where sockets are. */
    public Path sockets() {
        return root.resolve("block/sockets");
    }

    /** The node {@code name}. */
    public Path node(String name) throws CorruptImageException {
        return nodes().resolve(Texts.name("vhost-user device", name));
    }

    /** The socket {@code name}. */
    public Path socket(String name) throws CorruptImageException {
        return sockets().resolve(Texts.name("vhost-user device", name));
    }
}
