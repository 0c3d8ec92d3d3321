package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.lamina.images.oracle.LayerEntry.Attributes;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.LayerEntry.Encoding;
import io.lamina.linux.FileStatus.DeviceNumber;
import io.lamina.linux.FileStatus.Timestamp;
import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes tar files in every dialect that layers come in, into memory. Names are raw bytes, one per character.
 *
 * @see <a href="https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html">POSIX pax, ustar and pax formats</a>
 * @see <a href="https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html">GNU sparse formats</a>
 */
public final class TarWriter {
    static final int BLOCK_BYTES = 512;

    private static final long MAX_OCTAL_8 = 07777777L;
    private static final long MAX_OCTAL_12 = 077777777777L;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** The tar of {@code entries}, with the two zero blocks that end it. */
    public static byte[] tar(List<LayerEntry> entries) {
        TarWriter tar = new TarWriter();
        entries.forEach(tar::entry);
        return tar.end();
    }

    /** Ends the archive and gives all its bytes. */
    public byte[] end() {
        raw(new byte[2 * BLOCK_BYTES]);
        return out.toByteArray();
    }

    /** Adds bytes as they are, for archives that are wrong on purpose. */
    public TarWriter raw(byte[] bytes) {
        out.writeBytes(bytes);
        return this;
    }

    /** Adds {@code data} and zeroes up to the next block. */
    public TarWriter data(byte[] data) {
        raw(data);
        return raw(new byte[Math.floorMod(-data.length, BLOCK_BYTES)]);
    }

    /** Adds a PAX header that holds for all that follows. */
    public TarWriter globalPax(Map<String, byte[]> records) {
        return paxHeader('g', records);
    }

    /** Adds an entry and its data. */
    public TarWriter entry(LayerEntry entry) {
        return switch (entry.encoding()) {
            case PLAIN, PAX, LIBARCHIVE -> pax(entry);
            case GNU, SPARSE_GNU -> gnu(entry);
            case SPARSE_PAX_0_0, SPARSE_PAX_0_1, SPARSE_PAX_1_0 -> {
                byte[] content = ((Body.File) entry.body()).bytes();
                SparseMap map = SparseMap.of(content);
                yield sparsePax(entry, map, map.packed(content), content.length);
            }
        };
    }

    private TarWriter pax(LayerEntry entry) {
        Map<String, byte[]> records = new TreeMap<>();
        TarHeader header = header(entry, records);
        byte[] content = entry.body() instanceof Body.File file ? file.bytes() : new byte[0];
        header.number(TarHeader.SIZE, 12, content.length);
        if (entry.encoding() != Encoding.PLAIN && content.length > 0) {
            records.put("size", text(content.length));
        }
        if (!header.splitName(entry.written()) || entry.encoding() != Encoding.PLAIN) {
            records.put("path", entry.written().getBytes(ISO_8859_1));
        }
        if (!records.isEmpty()) {
            paxHeader('x', records);
        }
        raw(header.ustar());
        return data(content);
    }

    private TarWriter gnu(LayerEntry entry) {
        Attributes attributes = entry.attributes();
        if (!attributes.xattrs().isEmpty() || attributes.modified().nanoseconds() != 0) {
            throw new IllegalArgumentException("GNU headers hold no xattrs and no nanoseconds: " + entry);
        }
        TarHeader header = new TarHeader(typeFlag(entry.body()));
        header.number(TarHeader.MODE, 8, attributes.permissions());
        header.number(TarHeader.UID, 8, attributes.uid());
        header.number(TarHeader.GID, 8, attributes.gid());
        header.number(TarHeader.MTIME, 12, attributes.modified().seconds());
        device(header, entry.body());
        String link = linkName(entry.body());
        if (link.length() > 100) {
            gnuLong('K', link);
        }
        if (entry.written().length() > 100) {
            gnuLong('L', entry.written());
        }
        header.bytes(TarHeader.NAME, 100, entry.written());
        header.bytes(TarHeader.LINK_NAME, 100, link);
        if (!(entry.body() instanceof Body.File file)) {
            return raw(header.gnu());
        }
        byte[] content = file.bytes();
        if (entry.encoding() == Encoding.GNU) {
            header.number(TarHeader.SIZE, 12, content.length);
            raw(header.gnu());
            return data(content);
        }
        SparseMap map = SparseMap.of(content);
        byte[] packed = map.packed(content);
        header.number(TarHeader.SIZE, 12, packed.length);
        raw(map.gnuHeaders(header, content.length));
        return data(packed);
    }

    /** Adds a sparse file of any size in the PAX format that {@code entry} says; the entry's own content is not used. */
    TarWriter sparsePax(LayerEntry entry, SparseMap map, byte[] data, long realSizeBytes) {
        byte[] packed = data;
        Map<String, byte[]> records = new TreeMap<>();
        TarHeader header = header(entry, records);
        List<Map.Entry<String, byte[]>> ordered = new ArrayList<>();
        switch (entry.encoding()) {
            case SPARSE_PAX_0_0 -> {
                records.put("path", entry.written().getBytes(ISO_8859_1));
                records.put("GNU.sparse.size", text(realSizeBytes));
                records.put("GNU.sparse.numblocks", text(map.runs().size()));
                // Each offset comes before its length, so these cannot be a map.
                map.runs().forEach(run -> {
                    ordered.add(Map.entry("GNU.sparse.offset", text(run.startByte())));
                    ordered.add(Map.entry("GNU.sparse.numbytes", text(run.lengthBytes())));
                });
            }
            case SPARSE_PAX_0_1 -> {
                records.put("GNU.sparse.name", entry.written().getBytes(ISO_8859_1));
                records.put("GNU.sparse.size", text(realSizeBytes));
                records.put("GNU.sparse.numblocks", text(map.runs().size()));
                // GNU tar wants the number before the map.
                ordered.add(Map.entry("GNU.sparse.map", map.commaSeparated().getBytes(ISO_8859_1)));
            }
            default -> {
                records.put("GNU.sparse.major", text(1));
                records.put("GNU.sparse.minor", text(0));
                records.put("GNU.sparse.name", entry.written().getBytes(ISO_8859_1));
                records.put("GNU.sparse.realsize", text(realSizeBytes));
                packed = map.prefixed(packed);
            }
        }
        header.bytes(TarHeader.NAME, 100, "GNUSparseFile.0/file");
        header.number(TarHeader.SIZE, 12, packed.length);
        ordered.addAll(0, records.entrySet());
        paxHeader('x', ordered);
        raw(header.ustar());
        return data(packed);
    }

    /** A header with all but name and size; what does not fit is in {@code records}. */
    private static TarHeader header(LayerEntry entry, Map<String, byte[]> records) {
        boolean all = entry.encoding() != Encoding.PLAIN;
        Attributes attributes = entry.attributes();
        TarHeader header = new TarHeader(typeFlag(entry.body()));
        header.number(TarHeader.MODE, 8, attributes.permissions());
        owner(header, TarHeader.UID, "uid", attributes.uid(), all, records);
        owner(header, TarHeader.GID, "gid", attributes.gid(), all, records);
        Timestamp modified = attributes.modified();
        boolean fits = modified.seconds() >= 0 && modified.seconds() <= MAX_OCTAL_12 && modified.nanoseconds() == 0;
        header.number(TarHeader.MTIME, 12, fits ? modified.seconds() : 0);
        if (!fits || all) {
            records.put("mtime", decimal(modified).getBytes(ISO_8859_1));
        }
        device(header, entry.body());
        String link = linkName(entry.body());
        header.bytes(TarHeader.LINK_NAME, 100, link);
        if (link.length() > 100 || (all && !link.isEmpty())) {
            records.put("linkpath", link.getBytes(ISO_8859_1));
        }
        attributes.xattrs().forEach((name, value) -> {
            if (entry.encoding() == Encoding.LIBARCHIVE) {
                records.put(
                        "LIBARCHIVE.xattr." + percentEncoded(name),
                        Base64.getEncoder().withoutPadding().encode(value));
            } else {
                records.put("SCHILY.xattr." + name, value);
            }
        });
        return header;
    }

    private static void owner(
            TarHeader header, int offset, String key, long id, boolean always, Map<String, byte[]> records) {
        boolean fits = id <= MAX_OCTAL_8;
        header.number(offset, 8, fits ? id : 0);
        if (!fits || always) {
            records.put(key, text(id));
        }
    }

    private static void device(TarHeader header, Body body) {
        if (body instanceof Body.Device(boolean _, DeviceNumber number)) {
            header.number(TarHeader.DEVICE_MAJOR, 8, number.major());
            header.number(TarHeader.DEVICE_MINOR, 8, number.minor());
        }
    }

    private static char typeFlag(Body body) {
        return switch (body) {
            case Body.File _ -> '0';
            case Body.HardLink _ -> '1';
            case Body.SymbolicLink _ -> '2';
            case Body.Device(boolean block, DeviceNumber _) -> block ? '4' : '3';
            case Body.Directory _ -> '5';
            case Body.Fifo _ -> '6';
        };
    }

    private static String linkName(Body body) {
        return switch (body) {
            case Body.SymbolicLink(String target) -> target;
            case Body.HardLink(String _, String written) -> written;
            default -> "";
        };
    }

    private void gnuLong(char type, String name) {
        byte[] data = (name + "\0").getBytes(ISO_8859_1);
        TarHeader header = new TarHeader(type);
        header.bytes(TarHeader.NAME, 100, "././@LongLink");
        header.number(TarHeader.SIZE, 12, data.length);
        raw(header.gnu());
        data(data);
    }

    private TarWriter paxHeader(char type, Map<String, byte[]> records) {
        return paxHeader(type, List.copyOf(records.entrySet()));
    }

    private TarWriter paxHeader(char type, List<Map.Entry<String, byte[]>> records) {
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        records.forEach(record -> data.writeBytes(paxRecord(record.getKey(), record.getValue())));
        TarHeader header = new TarHeader(type);
        header.bytes(TarHeader.NAME, 100, "PaxHeaders/entry");
        header.number(TarHeader.MODE, 8, 0644);
        header.number(TarHeader.SIZE, 12, data.size());
        raw(header.ustar());
        return data(data.toByteArray());
    }

    /** {@code LENGTH KEY=VALUE\n}, where the length counts its own digits. */
    static byte[] paxRecord(String key, byte[] value) {
        int rest = 1 + key.length() + 1 + value.length + 1;
        int length = rest + 1;
        while (Integer.toString(length).length() + rest != length) {
            length++;
        }
        ByteArrayOutputStream record = new ByteArrayOutputStream();
        record.writeBytes((length + " " + key + "=").getBytes(ISO_8859_1));
        record.writeBytes(value);
        record.write('\n');
        return record.toByteArray();
    }

    /** Seconds with their fraction; half a second before 1970 is {@code -0.5}. */
    static String decimal(Timestamp time) {
        return BigDecimal.valueOf(time.nanoseconds(), 9)
                .add(BigDecimal.valueOf(time.seconds()))
                .stripTrailingZeros()
                .toPlainString();
    }

    private static String percentEncoded(String name) {
        StringBuilder encoded = new StringBuilder();
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c > ' ' && c < 0x7f && c != '%' && c != '=') {
                encoded.append(c);
            } else {
                encoded.append(String.format("%%%02X", (int) c));
            }
        }
        return encoded.toString();
    }

    private static byte[] text(long number) {
        return Long.toString(number).getBytes(ISO_8859_1);
    }
}
