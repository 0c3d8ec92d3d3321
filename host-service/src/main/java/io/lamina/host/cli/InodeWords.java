package io.lamina.host.cli;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.Xattr;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** An inode of an image in words, for a person and for machines. */
record InodeWords(ErofsImage image, String path, Inode inode) {
    static InodeWords of(ErofsImage image, String path, Inode inode) {
        return new InodeWords(image, path, inode);
    }

    /** As {@code ls -l} has it. */
    String line() throws IOException {
        String size = isDevice()
                ? major() + "," + minor()
                : Long.toString(inode.data().sizeBytes());
        String target = inode.type() == FileType.SYMLINK ? " -> " + target() : "";
        return String.format(
                Locale.ROOT,
                "%s %4d %6s %6s %12s %s %s%s",
                mode(),
                inode.links(),
                Integer.toUnsignedString(inode.owner().uid()),
                Integer.toUnsignedString(inode.owner().gid()),
                size,
                time(),
                path,
                target);
    }

    Map<String, Object> members() throws IOException {
        Map<String, Object> members = new TreeMap<>();
        members.put("path", path);
        members.put("nid", inode.place().nid());
        members.put("type", inode.type().name().toLowerCase(Locale.ROOT));
        members.put("mode", "%04o".formatted(inode.mode() & FileType.PERMISSIONS_MASK));
        members.put("links", inode.links());
        members.put("uid", Integer.toUnsignedLong(inode.owner().uid()));
        members.put("gid", Integer.toUnsignedLong(inode.owner().gid()));
        members.put("mtime", time());
        members.put("size", inode.data().sizeBytes());
        members.put("layout", inode.data().layout().name().toLowerCase(Locale.ROOT));
        if (inode.type() == FileType.SYMLINK) {
            members.put("target", target());
        }
        if (isDevice()) {
            members.put("major", major());
            members.put("minor", minor());
        }
        Map<String, Object> xattrs = new TreeMap<>();
        for (Xattr attribute : image.xattrs(inode).sorted()) {
            byte[] name = attribute.fullName().getBytes(StandardCharsets.ISO_8859_1);
            xattrs.put(ErofsFile.Names.shown(name), Base64.getEncoder().encodeToString(attribute.value()));
        }
        members.put("xattrs", xattrs);
        return members;
    }

    String target() throws IOException {
        return ErofsFile.Names.shown(image.symlinkTarget(inode));
    }

    /** The ten characters of {@code ls}. */
    String mode() {
        char type = switch (inode.type()) {
            case REGULAR -> '-';
            case DIRECTORY -> 'd';
            case SYMLINK -> 'l';
            case CHARACTER_DEVICE -> 'c';
            case BLOCK_DEVICE -> 'b';
            case FIFO -> 'p';
            case SOCKET -> 's';
        };
        int mode = inode.mode();
        char[] bits = "rwxrwxrwx".toCharArray();
        for (int i = 0; i < bits.length; i++) {
            if ((mode & (0400 >> i)) == 0) {
                bits[i] = '-';
            }
        }
        special(bits, 2, (mode & 04000) != 0, 's');
        special(bits, 5, (mode & 02000) != 0, 's');
        special(bits, 8, (mode & 01000) != 0, 't');
        return type + new String(bits);
    }

    private static void special(char[] bits, int at, boolean set, char letter) {
        if (set) {
            bits[at] = bits[at] == 'x' ? letter : Character.toUpperCase(letter);
        }
    }

    /** The time in UTC; a year that no calendar has is told as seconds. */
    String time() {
        try {
            return Instant.ofEpochSecond(inode.mtime().seconds(), inode.mtime().nanos())
                    .toString();
        } catch (DateTimeException | ArithmeticException beyond) {
            return "@" + inode.mtime().seconds();
        }
    }

    private boolean isDevice() {
        return inode.type() == FileType.CHARACTER_DEVICE || inode.type() == FileType.BLOCK_DEVICE;
    }

    private int major() {
        return (inode.data().address() >>> 8) & 0xFFF;
    }

    private int minor() {
        return (inode.data().address() & 0xFF) | ((inode.data().address() >>> 12) & 0xFFF00);
    }
}
