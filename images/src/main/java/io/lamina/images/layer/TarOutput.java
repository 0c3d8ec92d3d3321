package io.lamina.images.layer;

import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Timestamp;
import io.lamina.images.erofs.Xattr;
import io.lamina.images.erofs.Xattrs;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes a tar in one canonical way: ustar headers, and in front of them a pax header, sorted by key, with what they
 * cannot hold and nothing else.
 */
final class TarOutput {
    private static final long MAX_OCTAL_7 = 07777777L;
    private static final long MAX_OCTAL_11 = 077777777777L;
    private static final String PAX_NAME = "PaxHeaders/0";

    private final OutputStream out;
    private final byte[] zeroes = new byte[TarHeader.BLOCK_BYTES];

    TarOutput(OutputStream out) {
        this.out = out;
    }

    /**
     * Writes headers. The data of a regular file follows through {@link #data} and {@link #endData}.
     *
     * @param path as the tar shall tell it
     * @param target of a hard or symbolic link; empty for all else
     */
    void header(byte[] path, char typeflag, Attributes attributes, long sizeBytes, byte[] target) throws IOException {
        Map<String, byte[]> pax = new TreeMap<>();
        HeaderBlock block = new HeaderBlock(typeflag);
        text(block, TarHeader.Field.LINKNAME, target, "linkpath", pax);
        number(block, TarHeader.Field.SIZE, sizeBytes, "size", pax);
        // A hard link's attributes are those of the file.
        write(block, path, typeflag == '1' ? attributes.withXattrs(Xattrs.NONE) : attributes, pax);
    }

    /** As {@link #header}, for a device, whose number is encoded as Linux does it. */
    void device(byte[] path, char typeflag, Attributes attributes, int number) throws IOException {
        HeaderBlock block = new HeaderBlock(typeflag);
        block.octal(TarHeader.Field.DEVMAJOR, (number >>> 8) & 0xFFF);
        block.octal(TarHeader.Field.DEVMINOR, (number & 0xFF) | ((number >>> 12) & 0xFFF00));
        block.octal(TarHeader.Field.SIZE, 0);
        write(block, path, attributes, new TreeMap<>());
    }

    private void write(HeaderBlock block, byte[] path, Attributes attributes, Map<String, byte[]> pax)
            throws IOException {
        text(block, TarHeader.Field.NAME, path, "path", pax);
        block.octal(TarHeader.Field.MODE, attributes.mode() & FileType.PERMISSIONS_MASK);
        number(
                block,
                TarHeader.Field.UID,
                Integer.toUnsignedLong(attributes.owner().uid()),
                "uid",
                pax);
        number(
                block,
                TarHeader.Field.GID,
                Integer.toUnsignedLong(attributes.owner().gid()),
                "gid",
                pax);
        time(block, attributes.mtime(), pax);
        for (Xattr attribute : attributes.xattrs().sorted()) {
            xattr(attribute, pax);
        }
        if (!pax.isEmpty()) {
            paxHeader(pax);
        }
        out.write(block.finished());
    }

    void data(byte[] bytes, int start, int length) throws IOException {
        out.write(bytes, start, length);
    }

    /** Pads data to a whole block. */
    void endData(long sizeBytes) throws IOException {
        out.write(zeroes, 0, (int) (-sizeBytes & (TarHeader.BLOCK_BYTES - 1)));
    }

    /** Ends the archive. */
    void finish() throws IOException {
        out.write(zeroes);
        out.write(zeroes);
        out.flush();
    }

    private static void text(
            HeaderBlock block, TarHeader.Field field, byte[] text, String key, Map<String, byte[]> pax) {
        if (!block.text(field, text)) {
            pax.put(key, text);
        }
    }

    private static void number(
            HeaderBlock block, TarHeader.Field field, long value, String key, Map<String, byte[]> pax) {
        if (value <= (field == TarHeader.Field.SIZE ? MAX_OCTAL_11 : MAX_OCTAL_7)) {
            block.octal(field, value);
        } else {
            block.octal(field, 0);
            pax.put(key, ascii(Long.toString(value)));
        }
    }

    private static void time(HeaderBlock block, Timestamp time, Map<String, byte[]> pax) {
        boolean fits = time.nanos() == 0 && time.seconds() >= 0 && time.seconds() <= MAX_OCTAL_11;
        block.octal(TarHeader.Field.MTIME, fits ? time.seconds() : 0);
        if (!fits) {
            pax.put("mtime", ascii(decimal(time)));
        }
    }

    /** Seconds with a fraction; the fraction of a negative number counts away from zero. */
    static String decimal(Timestamp time) {
        boolean negative = time.seconds() < 0;
        long whole = time.seconds();
        int nanos = time.nanos();
        if (negative && nanos > 0) {
            whole++;
            nanos = Timestamp.NANOS_PER_SECOND - nanos;
        }
        String sign = negative && whole == 0 ? "-" : "";
        String fraction = "%09d".formatted(nanos);
        int digits = fraction.length();
        while (digits > 0 && fraction.charAt(digits - 1) == '0') {
            digits--;
        }
        return sign + whole + (digits == 0 ? "" : "." + fraction.substring(0, digits));
    }

    private static void xattr(Xattr attribute, Map<String, byte[]> pax) {
        String name = attribute.fullName();
        if (name.indexOf('=') < 0) {
            pax.put("SCHILY.xattr." + name, attribute.value());
            return;
        }
        String encoded = name.replace("%", "%25").replace("=", "%3D");
        pax.put("LIBARCHIVE.xattr." + encoded, Base64.getEncoder().encode(attribute.value()));
    }

    private void paxHeader(Map<String, byte[]> records) throws IOException {
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        records.forEach((key, value) -> {
            byte[] keyBytes = key.getBytes(StandardCharsets.ISO_8859_1);
            int rest = keyBytes.length + value.length + 3;
            int length = rest + Integer.toString(rest).length();
            length = rest + Integer.toString(length).length();
            data.writeBytes(ascii(length + " "));
            data.writeBytes(keyBytes);
            data.write('=');
            data.writeBytes(value);
            data.write('\n');
        });
        HeaderBlock block = new HeaderBlock('x');
        block.text(TarHeader.Field.NAME, ascii(PAX_NAME));
        block.octal(TarHeader.Field.MODE, 0644);
        block.octal(TarHeader.Field.UID, 0);
        block.octal(TarHeader.Field.GID, 0);
        block.octal(TarHeader.Field.SIZE, data.size());
        block.octal(TarHeader.Field.MTIME, 0);
        out.write(block.finished());
        data.writeTo(out);
        endData(data.size());
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
