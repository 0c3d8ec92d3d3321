package io.lamina.images.layer;

import io.lamina.images.erofs.Xattr;
import io.lamina.images.erofs.Xattrs;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The extended attributes of a layer: which of a tar's are kept, and which we set ourselves. Dropped are those of
 * overlayfs, which would steer the merge from inside an image, and those of kinds that Linux does not store.
 */
public final class LayerXattrs {
    /** Marks a directory that the tar needs but does not contain; its attributes are the lower layer's. */
    public static final Xattr IMPLIED = Xattr.of("trusted.lamina.implied", "");

    /** Marks a directory that hides the lower layers' directory, as overlayfs has it. */
    public static final Xattr OPAQUE = Xattr.of("trusted.overlay.opaque", "y");

    /**
     * Makes overlayfs hide the whiteouts of a directory that no other layer has (kernel: fs/overlayfs/inode.c,
     * ovl_get_inode); without it readdir lists them.
     */
    public static final Xattr ORIGIN = Xattr.of("trusted.overlay.origin", "");

    private static final String SCHILY = "SCHILY.xattr.";
    private static final String LIBARCHIVE = "LIBARCHIVE.xattr.";
    private static final List<String> DROPPED = List.of("trusted.overlay.", "user.overlay.", "trusted.lamina.");

    private LayerXattrs() {}

    /** Whether an attribute of this name is a matter of stacking layers, and not of the file. */
    public static boolean isStacking(String fullName) {
        return DROPPED.stream().anyMatch(fullName::startsWith);
    }

    static Xattrs of(PaxRecords pax) throws TarNumberException {
        Map<String, byte[]> byName = new TreeMap<>();
        for (Map.Entry<String, byte[]> record : pax.withPrefix(LIBARCHIVE).entrySet()) {
            byName.put(percentDecoded(record.getKey().substring(LIBARCHIVE.length())), base64(record.getValue()));
        }
        for (Map.Entry<String, byte[]> record : pax.withPrefix(SCHILY).entrySet()) {
            byName.put(record.getKey().substring(SCHILY.length()), record.getValue());
        }
        List<Xattr> kept = new ArrayList<>();
        for (Map.Entry<String, byte[]> named : byName.entrySet()) {
            if (!isStacking(named.getKey())) {
                add(kept, named.getKey(), named.getValue());
            }
        }
        return Xattrs.of(kept);
    }

    private static void add(List<Xattr> kept, String name, byte[] value) throws TarNumberException {
        byte[] raw = name.getBytes(StandardCharsets.ISO_8859_1);
        if (raw.length > Xattr.MAX_NAME_BYTES || value.length > Xattr.MAX_VALUE_BYTES || name.indexOf('\0') >= 0) {
            throw new TarNumberException(
                    "extended attribute with a name of " + raw.length + " and a value of " + value.length + " bytes");
        }
        Xattr attribute = Xattr.of(raw, value);
        if (attribute != null) {
            kept.add(attribute);
        }
    }

    private static byte[] base64(byte[] text) throws TarNumberException {
        try {
            return Base64.getDecoder().decode(text);
        } catch (IllegalArgumentException broken) {
            throw new TarNumberException("LIBARCHIVE.xattr value is no base64: " + broken.getMessage());
        }
    }

    private static String percentDecoded(String name) throws TarNumberException {
        StringBuilder decoded = new StringBuilder(name.length());
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c == '%') {
                int high = i + 2 < name.length() ? Character.digit(name.charAt(i + 1), 16) : -1;
                int low = i + 2 < name.length() ? Character.digit(name.charAt(i + 2), 16) : -1;
                if (high < 0 || low < 0) {
                    throw new TarNumberException("LIBARCHIVE.xattr name has % without two hexadecimal digits");
                }
                c = (char) (high << 4 | low);
                i += 2;
            }
            decoded.append(c);
        }
        return decoded.toString();
    }
}
