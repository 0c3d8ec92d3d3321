package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.json.JsonValue;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Where the regular files of an image archive lie within it (POSIX.1-2017, pax, "ustar Interchange Format" and "pax
 * Extended Header"; GNU tar manual, "The GNU tar format": long names, base-256 sizes). Only the members of archives are
 * read so, whose contents then have digests; layers have a reader of their own.
 */
final class TarIndex {
    private static final int BLOCK_BYTES = 512;
    private static final int MAX_MEMBERS = 100_000;
    private static final int MAX_EXTENSION_BYTES = 1 << 20;
    private static final int MAX_LINKS = 8;

    private static final int NAME = 0;
    private static final int NAME_BYTES = 100;
    private static final int SIZE = 124;
    private static final int SIZE_BYTES = 12;
    private static final int CHECKSUM = 148;
    private static final int CHECKSUM_BYTES = 8;
    private static final int TYPE = 156;
    private static final int LINK_NAME = 157;
    private static final int LINK_NAME_BYTES = 100;
    private static final int MAGIC = 257;
    private static final int PREFIX = 345;
    private static final int PREFIX_BYTES = 155;
    private static final byte[] POSIX_MAGIC = {'u', 's', 't', 'a', 'r', 0};

    /** A regular file: where its content starts and how long it is, in bytes. */
    record Member(long offsetBytes, long sizeBytes) {}

    private final String what;
    private final FileChannel channel;
    private final long length;
    private final Map<String, Member> members = new HashMap<>();
    private final Map<String, String> links = new HashMap<>();
    private long at;

    private TarIndex(String what, FileChannel channel) throws IOException {
        this.what = what;
        this.channel = channel;
        this.length = channel.size();
    }

    /** Reads the headers of {@code channel} from its start. The channel is not kept. */
    static TarIndex read(String what, FileChannel channel) throws IOException {
        TarIndex index = new TarIndex(what, channel);
        index.readAll();
        return index;
    }

    /** The regular file {@code path}, also by way of links within the archive. */
    Optional<Member> find(String path) throws CorruptImageException {
        String name = path;
        for (int i = 0; i <= MAX_LINKS; i++) {
            Member member = members.get(name);
            if (member != null) {
                return Optional.of(member);
            }
            String target = links.get(name);
            if (target == null) {
                return Optional.empty();
            }
            name = target;
        }
        throw new CorruptImageException(what, "more than " + MAX_LINKS + " links on the way from " + path);
    }

    private void readAll() throws IOException {
        String longName = "";
        String longLink = "";
        long paxSize = -1;
        int count = 0;
        while (true) {
            byte[] header = block();
            if (isZero(header)) {
                return;
            }
            long start = at - BLOCK_BYTES;
            if (++count > MAX_MEMBERS) {
                throw broken(start, "more than " + MAX_MEMBERS + " members");
            }
            checkSum(header, start);
            char type = (char) (header[TYPE] & 0xff);
            long size = paxSize >= 0 && !isExtension(type) ? paxSize : size(header, start);
            if (size > length - at) {
                throw broken(start, "a member of " + size + " bytes, " + (length - at) + " are left");
            }
            switch (type) {
                case 'L' -> longName = text(extension(size, start), 0, (int) size);
                case 'K' -> longLink = text(extension(size, start), 0, (int) size);
                case 'x' -> {
                    Map<String, String> records = paxRecords(extension(size, start), start);
                    longName = records.getOrDefault("path", longName);
                    longLink = records.getOrDefault("linkpath", longLink);
                    paxSize = records.containsKey("size") ? decimal(records.get("size"), start) : -1;
                }
                case 'g' -> extension(size, start);
                default -> {
                    String name = longName.isEmpty() ? name(header) : longName;
                    String link = longLink.isEmpty() ? text(header, LINK_NAME, LINK_NAME_BYTES) : longLink;
                    add(type, name, link, size);
                    longName = "";
                    longLink = "";
                    paxSize = -1;
                }
            }
            skip(size, start);
        }
    }

    private void add(char type, String name, String link, long size) throws CorruptImageException {
        String path = normalized("", name);
        long start = at - BLOCK_BYTES;
        boolean isNew = switch (type) {
            case '0', '\0', '7' -> members.putIfAbsent(path, new Member(at, size)) == null;
            case '1' -> links.putIfAbsent(path, normalized("", link)) == null;
            case '2' -> links.putIfAbsent(path, normalized(directoryOf(path), link)) == null;
            default -> true;
        };
        if (!isNew) {
            throw broken(start, "the member " + JsonValue.printable(path) + " a second time");
        }
    }

    private static boolean isExtension(char type) {
        return type == 'L' || type == 'K' || type == 'x' || type == 'g';
    }

    /** Skips content and its padding; the caller has checked that the content lies within the file. */
    private void skip(long size, long start) throws CorruptImageException {
        long padded = Math.ceilDiv(size, BLOCK_BYTES) * BLOCK_BYTES;
        if (padded > length - at) {
            throw broken(start, "a member whose padding the file's end cuts off");
        }
        at += padded;
    }

    /** The content of an extension header, which starts at the current position; leaves that where it is. */
    private byte[] extension(long size, long start) throws IOException {
        if (size > MAX_EXTENSION_BYTES) {
            throw broken(start, "an extension header of " + size + " bytes, at most " + MAX_EXTENSION_BYTES);
        }
        byte[] content = new byte[(int) size];
        readFully(content, at);
        return content;
    }

    private Map<String, String> paxRecords(byte[] content, long start) throws CorruptImageException {
        Map<String, String> records = new HashMap<>();
        int from = 0;
        while (from < content.length) {
            int space = from;
            while (space < content.length && space - from < 8 && content[space] != ' ') {
                space++;
            }
            long recordLength = decimal(new String(content, from, space - from, StandardCharsets.UTF_8), start);
            int equals = space + 1;
            long end = from + recordLength;
            if (end > content.length || end <= equals || content[(int) end - 1] != '\n') {
                throw broken(start, "a pax record whose length is wrong");
            }
            while (equals < end - 1 && content[equals] != '=') {
                equals++;
            }
            if (equals == end - 1) {
                throw broken(start, "a pax record without =");
            }
            String key = new String(content, space + 1, equals - space - 1, StandardCharsets.UTF_8);
            records.put(key, new String(content, equals + 1, (int) end - equals - 2, StandardCharsets.UTF_8));
            from = (int) end;
        }
        return records;
    }

    private byte[] block() throws IOException {
        byte[] block = new byte[BLOCK_BYTES];
        if (length - at < BLOCK_BYTES) {
            throw at == 0
                    ? broken(0, "no tar archive: shorter than one block")
                    : broken(at, "the archive ends without its two blocks of zeroes");
        }
        readFully(block, at);
        at += BLOCK_BYTES;
        return block;
    }

    private void readFully(byte[] target, long position) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(target);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, position + buffer.position()) < 0) {
                throw broken(position, "the file became shorter while it was read");
            }
        }
    }

    private void checkSum(byte[] header, long start) throws IOException {
        if (start == 0 && Compression.ofFirstBytes(header) != Compression.NONE) {
            throw new UnsupportedImageException(what, "a compressed archive; decompress it first");
        }
        int sum = 0;
        for (int i = 0; i < BLOCK_BYTES; i++) {
            sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_BYTES ? ' ' : header[i] & 0xff;
        }
        if (octal(header, CHECKSUM, CHECKSUM_BYTES, start) != sum) {
            throw broken(start, "no tar header: its checksum is wrong");
        }
    }

    private long size(byte[] header, long start) throws CorruptImageException {
        if ((header[SIZE] & 0x80) == 0) {
            return octal(header, SIZE, SIZE_BYTES, start);
        }
        long value = header[SIZE] & 0x7f;
        for (int i = SIZE + 1; i < SIZE + SIZE_BYTES; i++) {
            if (value >= 1L << 54) {
                throw broken(start, "a size beyond any file");
            }
            value = value << 8 | (header[i] & 0xff);
        }
        return value;
    }

    private long octal(byte[] header, int offset, int bytes, long start) throws CorruptImageException {
        String digits = text(header, offset, bytes).strip();
        try {
            if (digits.isEmpty()) {
                return 0;
            }
            if (digits.charAt(0) >= '0' && digits.charAt(0) <= '7') {
                return Long.parseLong(digits, 8);
            }
        } catch (NumberFormatException notOctal) {
            // Said below.
        }
        throw broken(start, start == 0 ? "no tar header" : "a number that is not octal");
    }

    private long decimal(String digits, long start) throws CorruptImageException {
        try {
            if (!digits.isEmpty() && Character.digit(digits.charAt(0), 10) >= 0) {
                return Long.parseLong(digits);
            }
        } catch (NumberFormatException notDecimal) {
            // Said below.
        }
        throw broken(start, "a pax number that is not decimal");
    }

    private static String name(byte[] header) {
        String name = text(header, NAME, NAME_BYTES);
        boolean posix = Arrays.equals(header, MAGIC, MAGIC + POSIX_MAGIC.length, POSIX_MAGIC, 0, POSIX_MAGIC.length);
        String prefix = posix ? text(header, PREFIX, PREFIX_BYTES) : "";
        return prefix.isEmpty() ? name : prefix + "/" + name;
    }

    private static String text(byte[] bytes, int offset, int length) {
        int end = offset;
        while (end < offset + length && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, offset, end - offset, StandardCharsets.UTF_8);
    }

    /** {@code path} seen from {@code directory}, without {@code .} and {@code ..}; it never leaves the archive. */
    private static String normalized(String directory, String path) {
        ArrayDeque<String> parts = new ArrayDeque<>();
        String whole = path.startsWith("/") ? path : directory + "/" + path;
        for (String part : whole.split("/", -1)) {
            if (part.equals("..")) {
                parts.pollLast();
            } else if (!part.isEmpty() && !part.equals(".")) {
                parts.addLast(part);
            }
        }
        return String.join("/", parts);
    }

    private static String directoryOf(String path) {
        int slash = path.lastIndexOf('/');
        return slash < 0 ? "" : path.substring(0, slash);
    }

    private static boolean isZero(byte[] block) {
        for (byte b : block) {
            if (b != 0) {
                return false;
            }
        }
        return true;
    }

    private CorruptImageException broken(long offset, String rule) {
        return new CorruptImageException(what, offset, rule);
    }
}
