package io.lamina.shim.ext4;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Xattr;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * An extended attribute as ext4 has it
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/ext4/xattr.h">struct ext4_xattr_entry</a>).
 */
final class Attribute implements Comparable<Attribute> {
    static final int ENTRY_HEADER_BYTES = 16;

    private static final int ALIGNMENT = 4;

    private final int index;
    private final byte[] name;
    private final byte[] value;
    private final @Nullable ValueInode inode;

    private enum Namespace {
        ACL_ACCESS(2, "system.posix_acl_access", true),
        ACL_DEFAULT(3, "system.posix_acl_default", true),
        USER(1, "user.", false),
        TRUSTED(4, "trusted.", false),
        SECURITY(6, "security.", false);

        private final int index;
        private final String prefix;
        private final boolean acl;

        Namespace(int index, String prefix, boolean acl) {
            this.index = index;
            this.prefix = prefix;
            this.acl = acl;
        }
    }

    private Attribute(int index, byte[] name, byte[] value, @Nullable ValueInode inode) {
        this.index = index;
        this.name = name;
        this.value = value;
        this.inode = inode;
    }

    /** ext4's form of {@code xattr}. */
    static Attribute of(String where, Xattr xattr) throws UnsupportedImageException {
        String fullName = xattr.fullName();
        for (Namespace namespace : Namespace.values()) {
            boolean fits = namespace.acl ? fullName.equals(namespace.prefix) : fullName.startsWith(namespace.prefix);
            if (fits) {
                byte[] name = fullName.substring(namespace.prefix.length()).getBytes(StandardCharsets.ISO_8859_1);
                byte[] value = namespace.acl ? PosixAcl.ext4Form(where, xattr.value()) : xattr.value();
                return new Attribute(namespace.index, name, value, null);
            }
        }
        throw new UnsupportedImageException(where, "ext4 has no place for the attribute " + fullName);
    }

    /** The same attribute with its value in {@code inode}. */
    Attribute withValueIn(ValueInode valueInode) {
        return new Attribute(index, name, value, valueInode);
    }

    /** The inode that has the value, if it does not lie beside the entry. */
    @Nullable
    ValueInode inode() {
        return inode;
    }

    /** The namespace's number. */
    int index() {
        return index;
    }

    /** What follows the namespace; not to be changed. */
    byte[] name() {
        return name;
    }

    /** The value as ext4 keeps it; not to be changed. */
    byte[] value() {
        return value;
    }

    /** Bytes of the entry, without the value. */
    int entryBytes() {
        return padded(ENTRY_HEADER_BYTES + name.length);
    }

    /** Bytes of the value beside its entry, with what fills it up. */
    int valueBytes() {
        return inode == null ? padded(value.length) : 0;
    }

    static int padded(int bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }

    /** The kernel's hash of name and value, by which it finds equal blocks; of a value elsewhere, its hash counts. */
    int hash() {
        int hash = 0;
        for (byte b : name) {
            hash = Integer.rotateLeft(hash, 5) ^ (b & 0xff);
        }
        if (inode != null) {
            return Integer.rotateLeft(hash, 16) ^ inode.hash();
        }
        ByteBuffer words = ByteBuffer.wrap(Arrays.copyOf(value, valueBytes())).order(ByteOrder.LITTLE_ENDIAN);
        while (words.hasRemaining()) {
            hash = Integer.rotateLeft(hash, 16) ^ words.getInt();
        }
        return hash;
    }

    /** The order of entries in a block: kernel, ext4_xattr_cmp. */
    @Override
    public int compareTo(Attribute other) {
        int byIndex = Integer.compare(index, other.index);
        int byLength = byIndex != 0 ? byIndex : Integer.compare(name.length, other.name.length);
        return byLength != 0 ? byLength : Arrays.compareUnsigned(name, other.name);
    }

    @Override
    public boolean equals(@Nullable Object object) {
        return object instanceof Attribute other && compareTo(other) == 0 && Arrays.equals(value, other.value);
    }

    @Override
    public int hashCode() {
        return hash();
    }

    @Override
    public String toString() {
        return index + ":" + new String(name, StandardCharsets.ISO_8859_1);
    }
}
