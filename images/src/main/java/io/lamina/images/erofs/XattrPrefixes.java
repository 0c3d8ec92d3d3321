package io.lamina.images.erofs;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Prefixes of attribute names that an image lists once
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct erofs_xattr_long_prefix</a>): a
 * length of two bytes, the number of a namespace, and what names start with behind that; each at a multiple of 4.
 */
final class XattrPrefixes {
    private static final int ALIGNMENT = 4;

    /** Each as an attribute that is called so and has no value. */
    private final List<Xattr> prefixes;

    private XattrPrefixes(List<Xattr> prefixes) {
        this.prefixes = prefixes;
    }

    static XattrPrefixes read(ErofsImage image, PackedData packed) throws IOException {
        Superblock.Packed place = image.superblock().packed();
        boolean plain = (image.superblock().features().compat() & Features.PLAIN_XATTR_PREFIXES) != 0;
        boolean inPacked = !plain && !image.hasMetabox() && packed.exists();
        ImageBytes bytes = plain || !image.hasMetabox() ? image.bytes() : image.metabox("attribute prefixes");
        List<Xattr> prefixes = new ArrayList<>();
        long at = place.prefixStartByte();
        for (int i = 0; i < place.prefixCount(); i++) {
            byte[] head = new byte[Short.BYTES + 1];
            copy(bytes, inPacked ? packed : null, at, head);
            int length = (head[0] & 0xFF) | (head[1] & 0xFF) << 8;
            int namespace = head[2] & 0xFF;
            if (length == 0 || length > Xattr.MAX_NAME_BYTES + 1 || !Xattr.isNamespace(namespace)) {
                throw bytes.corrupt("attribute prefix " + i, at, length + " bytes in namespace " + namespace);
            }
            byte[] infix = new byte[length - 1];
            copy(bytes, inPacked ? packed : null, at + head.length, infix);
            prefixes.add(new Xattr(namespace, infix, new byte[0]));
            at = at + Short.BYTES + length + ALIGNMENT - 1 & -ALIGNMENT;
        }
        return new XattrPrefixes(List.copyOf(prefixes));
    }

    private static void copy(ImageBytes bytes, @Nullable PackedData packed, long at, byte[] into) throws IOException {
        if (packed == null) {
            bytes.copy(at, into, 0, into.length);
        } else {
            packed.copy(at, into, 0, into.length);
        }
    }

    /** The attribute whose name goes on with {@code rest}, or null if there is no such prefix, or no such long name. */
    @Nullable
    Xattr prefixed(int number, byte[] rest, byte[] value) {
        return number < prefixes.size() ? prefixes.get(number).longer(rest, value) : null;
    }
}
