package io.lamina.images.layer;

import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.Content;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Owner;
import io.lamina.images.erofs.Timestamp;
import io.lamina.images.erofs.Xattrs;
import java.util.Arrays;

/** Owner, mode, time, device number and extended attributes of an entry, from its header and its pax records. */
final class TarMetadata {
    private static final long MAX_ID = 0xFFFF_FFFEL; // the highest number means "no id"
    private static final int NANO_DIGITS = 9;

    private final TarHeader header;
    private final PaxRecords pax;
    /** Neighbours often share theirs; kept to keep memory small. */
    private Owner lastOwner = Owner.ROOT;

    private Timestamp lastTime = Timestamp.EPOCH;

    TarMetadata(TarHeader header, PaxRecords pax) {
        this.header = header;
        this.pax = pax;
    }

    Attributes attributes(byte typeflag) throws TarNumberException {
        int permissions = (int) (header.number(TarHeader.Field.MODE) & FileType.PERMISSIONS_MASK);
        int mode = type(typeflag).modeBits() | permissions;
        return new Attributes(mode, owner(), time(), pax.isEmpty() ? Xattrs.NONE : LayerXattrs.of(pax));
    }

    private static FileType type(byte typeflag) {
        return switch (typeflag) {
            case '2' -> FileType.SYMLINK;
            case '3' -> FileType.CHARACTER_DEVICE;
            case '4' -> FileType.BLOCK_DEVICE;
            case '5' -> FileType.DIRECTORY;
            case '6' -> FileType.FIFO;
            default -> FileType.REGULAR;
        };
    }

    private Owner owner() throws TarNumberException {
        int uid = id("uid", TarHeader.Field.UID);
        int gid = id("gid", TarHeader.Field.GID);
        if (lastOwner.uid() != uid || lastOwner.gid() != gid) {
            lastOwner = Owner.of(uid, gid);
        }
        return lastOwner;
    }

    private int id(String key, TarHeader.Field field) throws TarNumberException {
        long id = pax.has(key) ? pax.number(key, 0) : header.number(field);
        if (id < 0 || id > MAX_ID) {
            throw new TarNumberException(key + " is " + id + ", not 0 to " + MAX_ID);
        }
        return (int) id;
    }

    private Timestamp time() throws TarNumberException {
        byte[] text = pax.value("mtime");
        Timestamp time = text == null ? new Timestamp(header.number(TarHeader.Field.MTIME), 0) : paxTime(text);
        if (!time.equals(lastTime)) {
            lastTime = time;
        }
        return lastTime;
    }

    /** A decimal fraction of seconds; digits behind the ninth are dropped, towards the past. */
    static Timestamp paxTime(byte[] text) throws TarNumberException {
        int point = 0;
        while (point < text.length && text[point] != '.') {
            point++;
        }
        boolean negative = text.length > 0 && text[0] == '-';
        byte[] whole = Arrays.copyOf(text, point);
        long seconds = PaxRecords.decimal("mtime", whole);
        int nanos = 0;
        int digits = 0;
        boolean more = false;
        for (int i = point + 1; i < text.length; i++) {
            if (text[i] < '0' || text[i] > '9') {
                throw new TarNumberException("mtime holds byte 0x%02x, no digit".formatted(text[i] & 0xFF));
            }
            if (digits < NANO_DIGITS) {
                nanos = nanos * 10 + (text[i] - '0');
                digits++;
            } else {
                more |= text[i] != '0';
            }
        }
        for (; digits < NANO_DIGITS; digits++) {
            nanos *= 10;
        }
        return negative ? negative(seconds, nanos + (more ? 1 : 0)) : new Timestamp(seconds, nanos);
    }

    private static Timestamp negative(long seconds, int nanos) {
        if (nanos == 0) {
            return new Timestamp(seconds, 0);
        }
        return nanos == Timestamp.NANOS_PER_SECOND
                ? new Timestamp(seconds - 1, 0)
                : new Timestamp(seconds - 1, Timestamp.NANOS_PER_SECOND - nanos);
    }

    int deviceNumber() throws TarNumberException {
        long major = header.number(TarHeader.Field.DEVMAJOR);
        long minor = header.number(TarHeader.Field.DEVMINOR);
        if (major < 0 || major > Content.Device.MAX_MAJOR || minor < 0 || minor > Content.Device.MAX_MINOR) {
            throw new TarNumberException("device " + major + ":" + minor + " is beyond what Linux encodes");
        }
        Content.Device device = Content.Device.of((int) major, (int) minor);
        if (header.typeflag() == '3' && device.equals(Content.Device.WHITEOUT)) {
            throw new TarNumberException(
                    "character device 0:0, which means a whiteout to overlayfs; layers write .wh.NAME");
        }
        return device.number();
    }
}
