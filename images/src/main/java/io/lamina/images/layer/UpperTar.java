package io.lamina.images.layer;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.Content;
import io.lamina.images.erofs.Owner;
import io.lamina.images.erofs.Timestamp;
import io.lamina.images.erofs.Xattr;
import io.lamina.images.erofs.Xattrs;
import io.lamina.linux.DirectoryEntries;
import io.lamina.linux.ExtendedAttributes;
import io.lamina.linux.FileStatus;
import io.lamina.linux.OpenFile;
import io.lamina.linux.SymbolicLink;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/**
 * Writes an upper directory of overlayfs (kernel: Documentation/filesystems/overlayfs.rst) as the tar of an OCI layer:
 * depth first, names in the order of their bytes, the same directory gives the same bytes. Sockets, which no tar can
 * hold, are left out.
 *
 * <p>Whoever writes into the directory meanwhile can spoil the tar but not lead it elsewhere: every step down starts at
 * an open directory and follows no link.
 */
public final class UpperTar {
    private static final int PIECE_BYTES = 256 << 10;
    private static final byte[] NONE = new byte[0];
    private static final byte[] ROOT = {'.', '/'};
    private static final byte[] SLASH = {'/'};
    private static final String OVERLAY = "trusted.overlay.";
    private static final String OPAQUE = OVERLAY + "opaque";

    /** Attributes that make an entry mean something else than it looks; mounts of ours do not bring them about. */
    private static final List<String> UNREADABLE =
            List.of(OVERLAY + "redirect", OVERLAY + "metacopy", OVERLAY + "whiteout");

    private static final Attributes MARK = new Attributes(0100644, Owner.ROOT, Timestamp.EPOCH, Xattrs.NONE);

    private final TarOutput tar;
    private final ArrayDeque<Level> levels = new ArrayDeque<>();
    /** The first path of each file with several names. */
    private final Map<FileId, byte[]> firstPaths = new HashMap<>();

    private final byte[] piece = new byte[PIECE_BYTES];

    private record FileId(Object device, long inode) {}

    /** An entry's attributes, and what overlayfs says of it. */
    private record Told(Attributes attributes, boolean opaque) {}

    /** A directory on the way down; its path is empty or ends with a slash. */
    private static final class Level implements AutoCloseable {
        private final byte[] path;
        private final OpenFile directory;
        private final Iterator<byte[]> names;

        Level(byte[] path, byte[] place) throws IOException {
            this.path = path;
            this.directory = OpenFile.directory(place);
            List<byte[]> sorted;
            try {
                sorted = new ArrayList<>(DirectoryEntries.names(directory.child(new byte[] {'.'})));
            } catch (IOException failure) {
                directory.close();
                throw failure;
            }
            sorted.sort(Arrays::compareUnsigned);
            this.names = sorted.iterator();
        }

        @Override
        public void close() {
            directory.close();
        }
    }

    private UpperTar(OutputStream out) {
        this.tar = new TarOutput(out);
    }

    /**
     * Writes a tar.
     *
     * @param upper the directory's path
     * @param out means nothing after an exception; flushed, not closed
     * @throws UnsupportedImageException if there is what no OCI layer can say
     */
    public static void write(byte[] upper, OutputStream out) throws IOException {
        UpperTar writer = new UpperTar(out);
        try {
            writer.directory(upper, NONE);
            writer.walk();
        } finally {
            writer.levels.forEach(Level::close);
        }
        writer.tar.finish();
    }

    /**
     * Writes a tar of one file, which is no directory; a symbolic link is taken as itself.
     *
     * @param place where it is
     * @param name its path in the tar
     */
    public static void writeFile(byte[] place, byte[] name, OutputStream out) throws IOException {
        UpperTar writer = new UpperTar(out);
        writer.file(place, name, FileStatus.of(place));
        writer.tar.finish();
    }

    private void walk() throws IOException {
        Level level;
        while ((level = levels.peek()) != null) {
            if (!level.names.hasNext()) {
                levels.pop().close();
                continue;
            }
            byte[] name = level.names.next();
            byte[] path = EntryWriter.joined(level.path, name);
            byte[] place = level.directory.child(name);
            FileStatus status = FileStatus.of(place);
            if (LayerTree.startsWith(name, EntryWriter.WHITEOUT_PREFIX)) {
                throw refused(path, "a file named as a whiteout cannot be in a layer");
            }
            if (status.isDirectory()) {
                directory(place, EntryWriter.joined(path, SLASH));
            } else if (isWhiteout(status)) {
                tar.header(
                        EntryWriter.joined(level.path, EntryWriter.joined(EntryWriter.WHITEOUT_PREFIX, name)),
                        '0',
                        MARK,
                        0,
                        NONE);
            } else {
                file(place, path, status);
            }
        }
    }

    private static boolean isWhiteout(FileStatus status) {
        return status.type() == FileStatus.S_IFCHR
                && status.specialDevice().major() == 0
                && status.specialDevice().minor() == 0;
    }

    private void directory(byte[] place, byte[] path) throws IOException {
        Told told = told(place, path, FileStatus.of(place));
        tar.header(path.length == 0 ? ROOT : path, '5', told.attributes, 0, NONE);
        if (told.opaque) {
            tar.header(EntryWriter.joined(path, EntryWriter.OPAQUE_NAME), '0', MARK, 0, NONE);
        }
        levels.push(new Level(path, place));
    }

    private void file(byte[] place, byte[] path, FileStatus status) throws IOException {
        Attributes attributes = told(place, path, status).attributes;
        if (status.linkCount() > 1 && status.type() != FileStatus.S_IFSOCK) {
            byte[] first = firstPaths.putIfAbsent(new FileId(status.device(), status.inode()), path);
            if (first != null) {
                tar.header(path, '1', attributes, 0, first);
                return;
            }
        }
        switch (status.type()) {
            case FileStatus.S_IFREG -> regular(place, path, attributes, status.sizeBytes());
            case FileStatus.S_IFLNK -> tar.header(path, '2', attributes, 0, SymbolicLink.target(place));
            case FileStatus.S_IFCHR -> tar.device(path, '3', attributes, device(status));
            case FileStatus.S_IFBLK -> tar.device(path, '4', attributes, device(status));
            case FileStatus.S_IFIFO -> tar.header(path, '6', attributes, 0, NONE);
            case FileStatus.S_IFSOCK -> {}
            default -> throw refused(path, "a file of mode " + Integer.toOctalString(status.mode()));
        }
    }

    private static int device(FileStatus status) {
        return Content.Device.of(
                        status.specialDevice().major(), status.specialDevice().minor())
                .number();
    }

    private void regular(byte[] place, byte[] path, Attributes attributes, long sizeBytes) throws IOException {
        tar.header(path, '0', attributes, sizeBytes, NONE);
        long done = 0;
        try (OpenFile file = OpenFile.reading(place);
                Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(PIECE_BYTES);
            while (done < sizeBytes) {
                int count = (int) file.read(buffer.asSlice(0, Math.min(PIECE_BYTES, sizeBytes - done)));
                if (count == 0) {
                    throw new IOException(new RawPath(path) + " became shorter while it was read");
                }
                MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, piece, 0, count);
                tar.data(piece, 0, count);
                done += count;
            }
        }
        tar.endData(sizeBytes);
    }

    private static Told told(byte[] place, byte[] path, FileStatus status) throws IOException {
        boolean opaque = false;
        List<Xattr> kept = new ArrayList<>();
        for (byte[] name : ExtendedAttributes.names(place)) {
            String text = new String(name, StandardCharsets.ISO_8859_1);
            if (UNREADABLE.contains(text)) {
                throw refused(path, "has the attribute " + text + " of overlayfs");
            }
            if (text.equals(OPAQUE)) {
                opaque = Arrays.equals(ExtendedAttributes.value(place, name), new byte[] {'y'});
            } else if (!LayerXattrs.isStacking(text)) {
                Xattr attribute = Xattr.of(name, ExtendedAttributes.value(place, name));
                if (attribute != null) {
                    kept.add(attribute);
                }
            }
        }
        Timestamp mtime =
                new Timestamp(status.modified().seconds(), status.modified().nanoseconds());
        Owner owner = Owner.of((int) status.uid(), (int) status.gid());
        return new Told(new Attributes(status.mode(), owner, mtime, Xattrs.of(kept)), opaque);
    }

    private static UnsupportedImageException refused(byte[] path, String why) {
        return new UnsupportedImageException(new RawPath(path).toString(), why);
    }
}
