package io.lamina.images.oracle;

import io.lamina.images.oracle.FlattenedStack.Format;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Holds the engine's flattened device, mounted by the kernel, against two judges: the kernel's overlayfs over the same
 * layers mounted one by one, and {@link ExpectedTree}, which also knows what implied directories are like.
 */
final class StackJudge {
    private static final int LIMIT = 12;

    private final PrivateMounts mounts;
    private final Path files;
    private final Path mountPoints;
    private final NativeLayers nativeLayers;

    /**
     * Prepares to judge, for as long as the mount namespace lives.
     *
     * @param directory empty, on a file system whose files can be mounted as they are, which tmpfs is not
     */
    StackJudge(PrivateMounts mounts, Path directory) throws IOException {
        this.mounts = mounts;
        this.files = Files.createDirectories(directory.resolve("files"));
        // In memory: a mount point on a disk would be written there for every stack. A short path, since the paths of
        // all layers have to fit into the overlay's one page of options.
        this.mountPoints = Path.of("/mnt");

        mounts.mount("tmpfs", mountPoints, "tmpfs", 0, "");
        nativeLayers = new NativeLayers(mounts, files, mountPoints.resolve("n"));
    }

    /** For stacks of native layers: whether most of them were what they are said to be. */
    int nativeForEachOwn() {
        return nativeLayers.madeForEachKept();
    }

    /** Where the judges disagree with the engine, or that the engine or the kernel refuses the stack. */
    List<String> differences(LayerStack stack, Format format) {
        try {
            FlattenedStack flattened = format == Format.NATIVE
                    ? nativeLayers.build(stack)
                    : FlattenedStack.build(stack.tars(), format, files);
            TreeListing flat;
            try (MountedErofs device = new MountedErofs(mounts, flattened.device(), mountPoints.resolve("f"))) {
                flat = TreeListing.of(device.root());
            }
            ExpectedTree expected = stack.expected();
            List<String> lines = new ArrayList<>();
            flat.wrongLinkCounts().forEach(line -> lines.add("links: " + line));
            expected.listing()
                    .differences(flat, LIMIT, Exemption.directorySizes())
                    .forEach(line -> lines.add("model: " + line));
            overlay(stack, flattened)
                    .differences(
                            flat,
                            LIMIT,
                            Exemption.directorySizes(),
                            Exemption.overlayLinkCounts(),
                            Exemption.impliedForOverlayfs(expected.implied()))
                    .forEach(line -> lines.add("overlayfs: " + line));
            flattened.delete();
            return lines;
        } catch (IOException failure) {
            return List.of(failure.toString());
        }
    }

    /** Where the model alone disagrees with the engine, for stacks that overlayfs cannot judge. */
    List<String> differencesFromModel(LayerStack stack) {
        try {
            FlattenedStack flattened = FlattenedStack.build(stack.tars(), Format.PLAIN, files);
            try (MountedErofs device = new MountedErofs(mounts, flattened.device(), mountPoints.resolve("f"))) {
                TreeListing flat = TreeListing.of(device.root());
                List<String> lines = new ArrayList<>(flat.wrongLinkCounts());
                lines.addAll(stack.expected().listing().differences(flat, LIMIT, Exemption.directorySizes()));
                return lines;
            } finally {
                flattened.delete();
            }
        } catch (IOException failure) {
            return List.of(failure.toString());
        }
    }

    private TreeListing overlay(LayerStack stack, FlattenedStack flattened) throws IOException {
        List<Path> visible = flattened
                .blobs()
                .subList(stack.lowestVisibleLayer(), flattened.blobs().size());
        try (OverlayMount overlay = new OverlayMount(mounts, visible, mountPoints)) {
            return TreeListing.of(overlay.root());
        }
    }
}
