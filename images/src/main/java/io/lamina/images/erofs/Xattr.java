package io.lamina.images.erofs;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One extended attribute: a name, split into the namespace that EROFS has a number for and the rest, and a value
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct erofs_xattr_entry</a>).
 * The order is that on disk: by namespace number, rest of the name, value.
 */
public final class Xattr implements Comparable<Xattr> {
    /** The longest rest of a name; Linux allows 255 bytes of the whole. */
    public static final int MAX_NAME_BYTES = 255;

    /** The longest value on disk. */
    public static final int MAX_VALUE_BYTES = 65_535;

    /** Bytes before the name of an entry. */
    static final int ENTRY_HEADER_BYTES = 4;

    private static final String[] NAMESPACES = {
        "", "user.", "system.posix_acl_access", "system.posix_acl_default", "trusted.", "", "security."
    };
    private static final int ACL_ACCESS = 2;
    private static final int ACL_DEFAULT = 3;

    private final int namespace;
    private final byte[] name;
    private final byte[] value;

    Xattr(int namespace, byte[] name, byte[] value) {
        this.namespace = namespace;
        this.name = name;
        this.value = value;
    }

    /** An attribute by its full name, or null if EROFS has no place for names of its kind. */
    public static @Nullable Xattr of(byte[] fullName, byte[] value) {
        for (int namespace = 1; namespace < NAMESPACES.length; namespace++) {
            byte[] prefix = NAMESPACES[namespace].getBytes(StandardCharsets.ISO_8859_1);
            if (prefix.length == 0 || !startsWith(fullName, prefix)) {
                continue;
            }
            boolean whole = namespace == ACL_ACCESS || namespace == ACL_DEFAULT;
            if (whole == (fullName.length == prefix.length)) {
                return new Xattr(
                        namespace, Arrays.copyOfRange(fullName, prefix.length, fullName.length), value.clone());
            }
        }
        return null;
    }

    /** As {@link #of(byte[], byte[])}, for names that our own code gives. */
    public static Xattr of(String fullName, String value) {
        return Objects.requireNonNull(
                of(fullName.getBytes(StandardCharsets.UTF_8), value.getBytes(StandardCharsets.UTF_8)), fullName);
    }

    /** An attribute whose name is this one's and more, or null if that is too long. */
    @Nullable
    Xattr longer(byte[] rest, byte[] otherValue) {
        if (name.length + rest.length > MAX_NAME_BYTES) {
            return null;
        }
        byte[] whole = Arrays.copyOf(name, name.length + rest.length);
        System.arraycopy(rest, 0, whole, name.length, rest.length);
        return new Xattr(namespace, whole, otherValue);
    }

    static boolean isNamespace(int number) {
        return number > 0 && number < NAMESPACES.length && !NAMESPACES[number].isEmpty();
    }

    /** The whole name; bytes that are not ASCII appear as Latin-1. */
    public String fullName() {
        return NAMESPACES[namespace] + new String(name, StandardCharsets.ISO_8859_1);
    }

    /** A copy of the value. */
    public byte[] value() {
        return value.clone();
    }

    int entryBytes() {
        return (ENTRY_HEADER_BYTES + name.length + value.length + 3) & ~3;
    }

    void write(BlobOutput out) throws IOException {
        out.putByte(name.length);
        out.putByte(namespace);
        out.putShort(value.length);
        out.put(name, 0, name.length);
        out.put(value, 0, value.length);
        out.putZeroes(entryBytes() - ENTRY_HEADER_BYTES - name.length - value.length);
    }

    int filterBit() {
        return XattrFilter.bit(namespace, name);
    }

    private static boolean startsWith(byte[] bytes, byte[] prefix) {
        return bytes.length >= prefix.length && Arrays.equals(bytes, 0, prefix.length, prefix, 0, prefix.length);
    }

    @Override
    public int compareTo(Xattr other) {
        int order = compareNames(other);
        return order != 0 ? order : Arrays.compareUnsigned(value, other.value);
    }

    int compareNames(Xattr other) {
        int order = Integer.compare(namespace, other.namespace);
        return order != 0 ? order : Arrays.compareUnsigned(name, other.name);
    }

    @Override
    public boolean equals(@Nullable Object object) {
        return object instanceof Xattr other && compareTo(other) == 0;
    }

    @Override
    public int hashCode() {
        return (namespace * 31 + Arrays.hashCode(name)) * 31 + Arrays.hashCode(value);
    }

    @Override
    public String toString() {
        return fullName() + " (" + value.length + " bytes)";
    }
}
