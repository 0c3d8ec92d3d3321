package io.lamina.host.attach;

import io.lamina.images.layer.LayerConverter;
import io.lamina.linux.Errno;
import io.lamina.linux.FileSystemContext;
import io.lamina.linux.LoopDevice;
import io.lamina.linux.Mount;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.SystemCallException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** How this kernel lets us mount EROFS images that are files. */
public enum HostMountMethod {
    /** The files themselves, Linux 6.12 and later. */
    FILE_BACKED,
    /** A loop device for each file. */
    LOOP,
    /** Not at all: no right to mount, or no EROFS. */
    NONE;

    private static final int EMPTY_TAR_BYTES = 1024;

    /** Tries on a small image in {@code directory}, which stays as it was; mounts nothing in the tree. */
    public static HostMountMethod probe(Path directory) throws IOException {
        Path image = Files.createTempFile(directory, "probe-", ".erofs");
        Path leaves = Files.createTempFile(directory, "probe-", ".leaves");
        try {
            try (FileChannel imageFile = FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE);
                    FileChannel leavesFile =
                            FileChannel.open(leaves, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                LayerConverter.convert(new ByteArrayInputStream(new byte[EMPTY_TAR_BYTES]), imageFile, leavesFile);
            }
            for (HostMountMethod method : List.of(FILE_BACKED, LOOP)) {
                try {
                    method.create(image, List.of()).close();
                    return method;
                } catch (SystemCallException refused) {
                    // The next method, then.
                }
            }
            return NONE;
        } finally {
            Files.delete(image);
            Files.delete(leaves);
        }
    }

    /** Mounts an image and the further devices that it names, base first, at {@code target}. */
    public void mount(Path image, List<Path> devices, Path target) throws IOException {
        try (OwnedFd mount = create(image, devices)) {
            FileSystemContext.attach(mount, target.toString());
        }
    }

    private OwnedFd create(Path image, List<Path> devices) throws SystemCallException {
        List<LoopDevice> loops = new ArrayList<>();
        try (FileSystemContext context = FileSystemContext.open("erofs")) {
            context.set("source", source(image, loops));
            for (Path device : devices) {
                context.set("device", source(device, loops));
            }
            context.set("ro");
            return context.create(Mount.MS_RDONLY | Mount.MS_NODEV);
        } finally {
            loops.forEach(LoopDevice::close); // the mount keeps those that it uses
        }
    }

    private String source(Path file, List<LoopDevice> loops) throws SystemCallException {
        return switch (this) {
            case FILE_BACKED -> file.toString();
            case LOOP -> {
                LoopDevice loop = LoopDevice.readOnly(file);
                loops.add(loop);
                yield loop.path();
            }
            case NONE -> throw new SystemCallException("mount", "erofs " + file, Errno.EPERM);
        };
    }
}
