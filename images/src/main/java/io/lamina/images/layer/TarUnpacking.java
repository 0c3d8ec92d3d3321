package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.Background;
import io.lamina.linux.Errno;
import io.lamina.linux.OpenDirectory;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.util.List;

/**
 * Unpacks a tar that nobody vouches for below a directory: files, directories, links and FIFOs, with permissions of owner,
 * group and others, and files' times; all belong to the caller. Set-user-id bits and extended attributes are dropped.
 *
 * <p>No entry leads out of the directory: a path goes through real directories only, {@code ..} never above the top, and a
 * name that is there already is replaced, not followed. Device nodes and sparse files are refused.
 */
public final class TarUnpacking {
    /** More entries than this are refused. */
    public static final int MAX_ENTRIES = 1_000_000;

    private static final int PIECE_BYTES = 64 << 10;
    private static final int PERMISSIONS = 0777;
    private static final int OWNER_ALL = 0700;

    private final OpenDirectory top;
    private final byte[] piece = new byte[PIECE_BYTES];
    private long leftBytes;

    private TarUnpacking(OpenDirectory top, long maxBytes) {
        this.top = top;
        this.leftBytes = maxBytes;
    }

    /**
     * Unpacks {@code tar} to its end.
     *
     * @param top stays open
     * @param maxBytes as much file data is taken
     * @throws CorruptImageException naming entry, offset and rule; what came before that entry has been unpacked
     */
    public static void unpack(InputStream tar, OpenDirectory top, long maxBytes) throws IOException {
        try (Background inline = Background.inline()) {
            TarInput in = new TarInput(Channels.newChannel(tar), inline, null);
            TarReader reader = new TarReader(in);
            TarUnpacking unpacking = new TarUnpacking(top, maxBytes);
            for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
                if (entry.position().number() > MAX_ENTRIES) {
                    throw entry.corrupt("more than " + MAX_ENTRIES + " entries");
                }
                unpacking.unpack(entry, reader);
            }
            in.drain();
        }
    }

    private void unpack(TarEntry entry, TarReader reader) throws IOException {
        List<byte[]> path = LayerPath.components(entry, entry.path());
        if (path.isEmpty()) {
            if (!(entry.body() instanceof TarEntry.DirectoryNode)) {
                throw entry.corrupt("the top is no directory");
            }
            return;
        }
        byte[] name = path.removeLast();
        try (OpenDirectory parent = walk(entry, path)) {
            make(entry, parent, name, reader);
        } catch (SystemCallException failure) {
            throw new IOException(
                    TarEntry.what(entry.position().number(), entry.path()) + " cannot be unpacked: "
                            + failure.getMessage(),
                    failure);
        }
    }

    private void make(TarEntry entry, OpenDirectory parent, byte[] name, TarReader reader) throws IOException {
        int permissions = entry.attributes().mode() & PERMISSIONS;
        if (entry.body() instanceof TarEntry.DirectoryNode) {
            try (OpenDirectory made = directory(entry, parent, name)) {
                made.setPermissions(permissions | OWNER_ALL);
            }
            return;
        }
        remove(parent, name);
        switch (entry.body()) {
            case TarEntry.File file -> write(entry, file, parent, reader, name);
            case TarEntry.SymbolicLink link ->
                parent.makeSymbolicLink(name, link.target().bytes());
            case TarEntry.Fifo() -> parent.makeFifo(name, permissions);
            case TarEntry.HardLink link -> link(entry, parent, name, link.target());
            case TarEntry.DeviceNode _ -> throw refused(entry, "a device node");
            case TarEntry.DirectoryNode() -> throw new AssertionError(entry);
        }
    }

    private void write(TarEntry entry, TarEntry.File file, OpenDirectory parent, TarReader reader, byte[] name)
            throws IOException {
        if (file.sizeBytes() != file.storedBytes()) {
            throw refused(entry, "a sparse file");
        }
        if (file.sizeBytes() > leftBytes) {
            throw entry.corrupt("file of " + file.sizeBytes() + " bytes, where " + leftBytes + " more are taken");
        }
        leftBytes -= file.sizeBytes();
        Attributes attributes = entry.attributes();
        try (OpenDirectory.NewFile made = parent.makeFile(name)) {
            OutputStream out = made.output();
            for (long left = file.sizeBytes(); left > 0; ) {
                int count = (int) Math.min(left, PIECE_BYTES);
                reader.readStored(piece, 0, count);
                out.write(piece, 0, count);
                left -= count;
            }
            made.finish(
                    attributes.mode() & PERMISSIONS,
                    attributes.mtime().seconds(),
                    attributes.mtime().nanos());
        }
    }

    private void link(TarEntry entry, OpenDirectory parent, byte[] name, RawPath target) throws IOException {
        List<byte[]> path = LayerPath.components(entry, target);
        if (path.isEmpty()) {
            throw entry.corrupt("a hard link to the top");
        }
        byte[] existing = path.removeLast();
        try (OpenDirectory directory = walk(entry, path)) {
            parent.makeLink(name, directory, existing);
        }
    }

    /** Opens a directory below the top, and makes those on the way that are not there. */
    private OpenDirectory walk(TarEntry entry, List<byte[]> path) throws IOException {
        OpenDirectory at = top.child(new byte[] {'.'});
        for (byte[] name : path) {
            try (OpenDirectory parent = at) {
                at = directory(entry, parent, name);
            }
        }
        return at;
    }

    private static OpenDirectory directory(TarEntry entry, OpenDirectory parent, byte[] name) throws IOException {
        try {
            parent.makeDirectory(name, OWNER_ALL | 0055);
        } catch (SystemCallException there) {
            if (there.errno() != Errno.EEXIST) {
                throw there;
            }
        }
        try {
            return parent.child(name);
        } catch (SystemCallException failure) {
            if (failure.errno() == Errno.ENOTDIR || failure.errno() == Errno.ELOOP) {
                throw entry.corrupt("the way leads through " + new RawPath(name) + ", which is no directory");
            }
            throw failure;
        }
    }

    private static void remove(OpenDirectory parent, byte[] name) throws IOException {
        try {
            parent.remove(name);
        } catch (SystemCallException none) {
            if (none.errno() != Errno.ENOENT) {
                throw none;
            }
        }
    }

    private static UnsupportedImageException refused(TarEntry entry, String what) {
        return entry.unsupported(what + " in a copy; it is refused");
    }
}
