package io.lamina.shim.kata;

import io.lamina.shim.mount.RootfsMount;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Route E: Kata's Go runtime (virtcontainers/container.go, createErofsDevices). The EROFS image is mounted on the host,
 * from a file that is named {@code layer.erofs}; a single overlay over that mount leads the shim to the file.
 */
public final class KataGoMounts {
    /** The name that the file behind the mount must have. */
    public static final String LAYER_NAME = "layer.erofs";

    /** The name that the file behind the upper directory's mount must have. */
    public static final String SCRATCH_NAME = "rwlayer.img";

    private KataGoMounts() {}

    /**
     * The mount of a container's root.
     *
     * @param mounted where the file is mounted on this host
     * @param scratch where {@code rwlayer.img} is mounted, if the container may write
     */
    public static List<RootfsMount> overlay(Path mounted, Optional<Path> scratch) {
        List<String> options = new ArrayList<>();
        scratch.ifPresent(place -> {
            options.add("workdir=" + place.resolve("work"));
            options.add("upperdir=" + place.resolve("upper"));
        });
        options.add("lowerdir=" + mounted);
        return List.of(new RootfsMount("overlay", "overlay", "", options));
    }
}
