package io.lamina.images.erofs;

import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/** Reads the attributes of an inode, see {@link XattrBody} and {@link Xattr} for their places. */
final class XattrReader {
    private static final int LONG_PREFIX = 0x80;

    private final ErofsImage image;
    private final Map<Integer, Xattr> sharedById;

    XattrReader(ErofsImage image, Map<Integer, Xattr> sharedById) {
        this.image = image;
        this.sharedById = sharedById;
    }

    Xattrs read(Inode inode) throws IOException {
        ImageBytes bytes = image.bytesOf(inode);
        long start = inode.place().xattrStartByte();
        long end = start + inode.place().xattrBytes();
        int sharedCount = bytes.u8(start + XattrBody.SHARED_COUNT);
        long at = start + XattrBody.HEADER_BYTES;
        if (at + (long) sharedCount * XattrBody.ID_BYTES > end) {
            throw corrupt(bytes, inode, start, sharedCount + " shared attributes do not fit the body");
        }
        // mkfs.erofs 1.9.4 writes trusted.overlay.origin twice when a tree has it already, to which kernels do not
        // object.
        Set<Xattr> found = new LinkedHashSet<>();
        for (int i = 0; i < sharedCount; i++) {
            found.add(shared(inode, bytes.i32(at)));
            at += XattrBody.ID_BYTES;
        }
        while (at < end) {
            found.add(entry(bytes, inode, at, end));
            at += entryBytes(bytes, at);
        }
        Xattrs all = Xattrs.of(found);
        if (all.sorted().size() != found.size()) {
            throw corrupt(bytes, inode, start, "two attributes have one name and two values");
        }
        return all;
    }

    private Xattr shared(Inode inode, int id) throws IOException {
        Xattr known = sharedById.get(id);
        if (known != null) {
            return known;
        }
        ImageBytes bytes =
                image.superblock().features().hasSharedXattrsInMetabox() ? image.metabox(inode.label()) : image.bytes();
        Areas areas = image.superblock().areas();
        long at = (areas.xattrBlock() << areas.blockBits()) + Integer.toUnsignedLong(id) * XattrBody.ALIGNMENT;
        Xattr read = entry(bytes, inode, at, bytes.endByte());
        sharedById.put(id, read);
        return read;
    }

    private Xattr entry(ImageBytes bytes, Inode inode, long at, long end) throws IOException {
        if (at > end - Xattr.ENTRY_HEADER_BYTES) {
            throw corrupt(bytes, inode, at, "attribute entry does not fit");
        }
        int nameBytes = bytes.u8(at);
        int namespace = bytes.u8(at + 1);
        int valueBytes = bytes.u16(at + 2);
        if (at + Xattr.ENTRY_HEADER_BYTES + nameBytes + valueBytes > end) {
            throw corrupt(
                    bytes, inode, at, "name of " + nameBytes + " and value of " + valueBytes + " bytes do not fit");
        }
        if ((namespace & LONG_PREFIX) == 0 && !Xattr.isNamespace(namespace)) {
            throw corrupt(bytes, inode, at, "attribute namespace " + namespace + " is not known");
        }
        byte[] name = new byte[nameBytes];
        byte[] value = new byte[valueBytes];
        bytes.copy(at + Xattr.ENTRY_HEADER_BYTES, name, 0, nameBytes);
        bytes.copy(at + Xattr.ENTRY_HEADER_BYTES + nameBytes, value, 0, valueBytes);
        if ((namespace & LONG_PREFIX) == 0) {
            return new Xattr(namespace, name, value);
        }
        Xattr whole = image.xattrPrefixes().prefixed(namespace & ~LONG_PREFIX, name, value);
        if (whole == null) {
            throw corrupt(
                    bytes,
                    inode,
                    at,
                    "there is no attribute prefix " + (namespace & ~LONG_PREFIX) + ", or the name is too long with it");
        }
        return whole;
    }

    /** Bytes of an entry that was read; they need not be those that its whole name would take. */
    private static int entryBytes(ImageBytes bytes, long at) throws IOException {
        return (Xattr.ENTRY_HEADER_BYTES + bytes.u8(at) + bytes.u16(at + 2) + XattrBody.ALIGNMENT - 1)
                & -XattrBody.ALIGNMENT;
    }

    private static IOException corrupt(ImageBytes bytes, Inode inode, long offset, String rule) {
        return bytes.corrupt("attributes of " + inode.label(), offset, rule);
    }
}
