package io.lamina.guest;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import io.lamina.images.statement.GuestPolicy.MountOption;
import io.lamina.images.statement.UpperLayer;
import io.lamina.linux.DeviceFile;
import io.lamina.linux.DirectoryTree;
import io.lamina.linux.ExtendedAttributes;
import io.lamina.linux.Mount;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The container's root: the image, a writable layer over it where the statement allows one, and the file systems that a
 * process expects.
 *
 * <p>The image is mounted without devices, but with set-user-id programs: the statement's signers vouch for them as for
 * every other byte, and {@code su} or {@code ping} in a container need them. What the container can reach by them is this
 * guest, which runs nothing else.
 */
final class ContainerRoot {
    /** Where the agent mounts things. */
    static final Path BASE = Path.of("/run/lamina");

    private final Path base;
    private final Path image;
    private final UpperLayer upperLayer;
    private final Optional<Path> scratch;
    private final long flags;

    private ContainerRoot(Path base, UpperLayer upperLayer, Optional<Path> scratch, Set<MountOption> options) {
        this.base = base;
        this.image = base.resolve("image");
        this.upperLayer = upperLayer;
        this.scratch = scratch;
        this.flags = flags(options);
    }

    /**
     * Mounts the image on {@code device}, read-only, and what lies over it, below {@code base}.
     *
     * @param scratch a file system of the guest's own for the writable layer, where that is to be no memory
     */
    static ContainerRoot mount(
            Path base, Path device, UpperLayer upperLayer, Optional<Path> scratch, Set<MountOption> options)
            throws IOException {
        ContainerRoot root = new ContainerRoot(base, upperLayer, scratch, options);
        Files.createDirectories(root.image);
        Mount.mount("erofs", device.toString(), root.image.toString(), Mount.MS_RDONLY | root.flags, "");
        if (scratch.isPresent()) {
            String mounted = Files.createDirectories(root.writable()).toString();
            Mount.mount("ext4", scratch.get().toString(), mounted, Mount.MS_NODEV, "");
        }
        root.mountUpper();
        return root;
    }

    /** Where the container's root is. */
    Path path() {
        return upperLayer == UpperLayer.NONE ? image : base.resolve("root");
    }

    /** What overlayfs keeps of what was written; empty where nothing can be written. */
    Optional<Path> upper() {
        return upperLayer == UpperLayer.NONE
                ? Optional.empty()
                : Optional.of(writable().resolve("upper"));
    }

    private Path writable() {
        return base.resolve(scratch.isPresent() ? "scratch" : "memory");
    }

    private void mountUpper() throws IOException {
        if (upperLayer == UpperLayer.NONE) {
            return;
        }
        if (scratch.isEmpty()) {
            String memory = Files.createDirectories(writable()).toString();
            Mount.mount("tmpfs", "upper", memory, Mount.MS_NODEV, "mode=0700");
        }
        overlay();
    }

    /**
     * Forgets all that was written, and mounts anew what {@link #fill} mounts. No process may use the container.
     *
     * @throws RefusedException as {@link #fill}
     */
    void renew() throws IOException, RefusedException {
        if (upperLayer == UpperLayer.NONE) {
            for (String name : List.of("dev", "sys", "proc")) {
                Mount.unmount(image.resolve(name).toString(), Mount.MNT_DETACH);
            }
        } else {
            // What is mounted below goes with it.
            Mount.unmount(path().toString(), Mount.MNT_DETACH);
            if (scratch.isPresent()) {
                DirectoryTree.delete(writable().resolve("upper"));
                DirectoryTree.delete(writable().resolve("work"));
            } else {
                Mount.unmount(writable().toString(), Mount.MNT_DETACH);
            }
            mountUpper();
        }
        fill(path());
    }

    /** Processes of the container: those that have mounts of their own, as {@link Command#in} gives them. */
    static List<Integer> processes() throws IOException {
        Path proc = Path.of("/proc");
        Optional<Path> own = mounts(proc.resolve("self"));
        List<Integer> found = new ArrayList<>();
        for (Path process : DirectoryTree.entries(proc)) {
            String name = process.getFileName().toString();
            if (name.chars().allMatch(c -> c >= '0' && c <= '9')) {
                Optional<Path> mounts = mounts(process);
                if (mounts.isPresent() && !mounts.equals(own)) {
                    found.add(Integer.parseInt(name));
                }
            }
        }
        return found;
    }

    /**
     * A process's mount namespace ({@code namespaces(7)}); empty when it has ended, and for a thread of the kernel, which has
     * no program: that of devtmpfs has mounts of its own.
     */
    private static Optional<Path> mounts(Path process) {
        try {
            Path _ = Files.readSymbolicLink(process.resolve("exe"));
            return Optional.of(Files.readSymbolicLink(process.resolve("ns/mnt")));
        } catch (IOException gone) {
            return Optional.empty();
        }
    }

    private static long flags(Set<MountOption> options) {
        long flags = Mount.MS_NODEV;
        for (MountOption option : options) {
            flags |= switch (option) {
                case NOSUID -> Mount.MS_NOSUID;
                case NOATIME -> Mount.MS_NOATIME;
            };
        }
        return flags;
    }

    private void overlay() throws IOException {
        Path upper = Files.createDirectory(writable().resolve("upper"));
        copyMetadata(image, upper);
        Path work = Files.createDirectory(writable().resolve("work"));
        Files.createDirectories(path());
        String options = "lowerdir=" + image + ",upperdir=" + upper + ",workdir=" + work;
        Mount.mount("overlay", "overlay", path().toString(), flags, options);
    }

    /** The root of an overlay looks like its upper directory, so that one has to look like the image's root. */
    private static void copyMetadata(Path image, Path upper) throws IOException {
        for (String attribute : List.of("unix:uid", "unix:gid", "unix:mode")) {
            Files.setAttribute(upper, attribute, Files.getAttribute(image, attribute));
        }
        byte[] from = image.toString().getBytes(StandardCharsets.UTF_8);
        byte[] to = upper.toString().getBytes(StandardCharsets.UTF_8);
        for (byte[] name : ExtendedAttributes.names(from)) {
            ExtendedAttributes.set(to, name, ExtendedAttributes.value(from, name));
        }
        Files.setLastModifiedTime(upper, Files.getLastModifiedTime(image));
    }

    /**
     * A directory to mount on. A symbolic link there would lead the mount out of the root, into the guest's own files.
     */
    private static void prepare(Path root, String name) throws IOException, RefusedException {
        Path directory = root.resolve(name);
        if (!Files.exists(directory, NOFOLLOW_LINKS)) {
            create(directory, name);
        } else if (!Files.isDirectory(directory, NOFOLLOW_LINKS)) {
            throw new RefusedException("mount-point", "a directory /" + name + " in the image", "something else");
        }
    }

    private static void create(Path directory, String name) throws IOException, RefusedException {
        try {
            Files.createDirectory(directory);
        } catch (FileSystemException readOnly) {
            throw new RefusedException(
                    "mount-point", "a directory /" + name + " in the image, since nothing can be written", "none");
        }
    }

    /** Mounts in {@code root} what a process expects. */
    static void fill(Path root) throws IOException, RefusedException {
        prepare(root, "proc");
        prepare(root, "sys");
        prepare(root, "dev");
        long plain = Mount.MS_NOSUID | Mount.MS_NODEV | Mount.MS_NOEXEC;
        Mount.mount("proc", "proc", root.resolve("proc").toString(), plain, "");
        Mount.mount("sysfs", "sysfs", root.resolve("sys").toString(), plain | Mount.MS_RDONLY, "");
        Path dev = root.resolve("dev");
        Mount.mount("tmpfs", "dev", dev.toString(), Mount.MS_NOSUID | Mount.MS_NOEXEC, "mode=0755,size=64k");
        // The memory devices of Documentation/admin-guide/devices.txt, and the controlling terminal.
        node(dev, "null", 1, 3);
        node(dev, "zero", 1, 5);
        node(dev, "full", 1, 7);
        node(dev, "random", 1, 8);
        node(dev, "urandom", 1, 9);
        node(dev, "tty", 5, 0);
        Path pts = Files.createDirectory(dev.resolve("pts"));
        Mount.mount(
                "devpts", "devpts", pts.toString(), Mount.MS_NOSUID | Mount.MS_NOEXEC, "ptmxmode=0666,mode=0620,gid=5");
        Path shm = Files.createDirectory(dev.resolve("shm"));
        Mount.mount("tmpfs", "shm", shm.toString(), plain, "mode=1777");
        link(dev, "ptmx", "pts/ptmx");
        link(dev, "fd", "/proc/self/fd");
        link(dev, "stdin", "/proc/self/fd/0");
        link(dev, "stdout", "/proc/self/fd/1");
        link(dev, "stderr", "/proc/self/fd/2");
    }

    private static void node(Path dev, String name, int major, int minor) throws IOException {
        DeviceFile.makeCharacterDevice(dev.resolve(name).toString(), 0666, major, minor);
    }

    private static void link(Path dev, String name, String target) throws IOException {
        Files.createSymbolicLink(dev.resolve(name), Path.of(target));
    }
}
