package io.lamina.shim.ext4;

import io.lamina.images.UnsupportedImageException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Access control lists: as system calls show them and EROFS keeps them (version 2, eight bytes an entry;
 * include/uapi/linux/posix_acl_xattr.h), and as ext4 keeps them (version 1, no id where there is none;
 * <a href="https://github.com/torvalds/linux/blob/v6.18/fs/ext4/acl.h">fs/ext4/acl.h</a>).
 */
final class PosixAcl {
    private static final int XATTR_VERSION = 2;
    private static final int EXT4_VERSION = 1;
    private static final int TAG_USER = 0x02;
    private static final int TAG_GROUP = 0x08;

    private PosixAcl() {}

    /** ext4's form of {@code xattr}. */
    static byte[] ext4Form(String where, byte[] xattr) throws UnsupportedImageException {
        ByteBuffer in = ByteBuffer.wrap(xattr).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer out = ByteBuffer.allocate(xattr.length).order(ByteOrder.LITTLE_ENDIAN);
        try {
            int version = in.getInt();
            if (version != XATTR_VERSION) {
                throw new UnsupportedImageException(where, "an access control list of version " + version);
            }
            out.putInt(EXT4_VERSION);
            while (in.hasRemaining()) {
                short tag = in.getShort();
                out.putShort(tag).putShort(in.getShort());
                int id = in.getInt();
                if (tag == TAG_USER || tag == TAG_GROUP) {
                    out.putInt(id);
                }
            }
        } catch (BufferUnderflowException cut) {
            throw new UnsupportedImageException(where, "an access control list of " + xattr.length + " bytes");
        }
        byte[] form = new byte[out.position()];
        out.get(0, form);
        return form;
    }
}
