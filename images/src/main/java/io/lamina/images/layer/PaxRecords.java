package io.lamina.images.layer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The records of pax headers (IEEE Std 1003.1-2017, pax, "pax Extended Header"): {@code "length key=value\n"}. Records of
 * a global header hold until another one replaces them, those of a local one for one entry. An empty value means that
 * the entry's own header is right.
 */
final class PaxRecords {
    /** The most bytes that global records may take together. */
    private static final int MAX_GLOBAL_BYTES = 1 << 20;

    private final Map<String, byte[]> global = new HashMap<>();
    private final Map<String, byte[]> local = new HashMap<>();
    /** GNU's sparse format 0.0 repeats its keys; the map is put together as they come. */
    private @Nullable SparseMap sparse00;

    private long sparse00Offset = -1;
    private int globalBytes;

    /** Forgets the records of one entry. */
    void endEntry() {
        local.clear();
        sparse00 = null;
        sparse00Offset = -1;
    }

    boolean isEmpty() {
        return local.isEmpty() && global.isEmpty();
    }

    void readLocal(byte[] records) throws TarNumberException {
        endEntry();
        read(records, false);
    }

    void readGlobal(byte[] records) throws TarNumberException {
        read(records, true);
    }

    /** The value of a key, or null for none. */
    byte @Nullable [] value(String key) {
        byte[] value = local.containsKey(key) ? local.get(key) : global.get(key);
        return value == null || value.length == 0 ? null : value;
    }

    /** A number, or {@code otherwise} if there is no such key. */
    long number(String key, long otherwise) throws TarNumberException {
        byte[] value = value(key);
        return value == null ? otherwise : decimal(key, value);
    }

    boolean has(String key) {
        return value(key) != null;
    }

    @Nullable
    SparseMap sparse00() {
        return sparse00;
    }

    /** All keys that start so, with their values; local ones replace global ones. */
    Map<String, byte[]> withPrefix(String prefix) {
        Map<String, byte[]> found = new HashMap<>();
        global.forEach((key, value) -> putIf(found, prefix, key, value));
        local.forEach((key, value) -> putIf(found, prefix, key, value));
        return found;
    }

    private static void putIf(Map<String, byte[]> found, String prefix, String key, byte[] value) {
        if (key.startsWith(prefix)) {
            found.put(key, value);
        }
    }

    private void read(byte[] records, boolean isGlobal) throws TarNumberException {
        int at = 0;
        while (at < records.length) {
            int space = indexOf(records, ' ', at, Math.min(records.length, at + 9));
            if (space <= at) {
                throw new TarNumberException("pax record at byte " + at + " has no length");
            }
            long length = decimal("length", Arrays.copyOfRange(records, at, space));
            if (length > records.length - at || at + length <= space + 1 || records[at + (int) length - 1] != '\n') {
                throw new TarNumberException("pax record at byte " + at + " of length " + length
                        + " does not end with a newline inside the header");
            }
            int end = at + (int) length - 1;
            int equals = indexOf(records, '=', space + 1, end);
            if (equals <= space + 1) {
                throw new TarNumberException("pax record at byte " + at + " has no key");
            }
            String key = new String(records, space + 1, equals - space - 1, StandardCharsets.ISO_8859_1);
            put(key, Arrays.copyOfRange(records, equals + 1, end), isGlobal);
            at = end + 1;
        }
    }

    private void put(String key, byte[] value, boolean isGlobal) throws TarNumberException {
        if (isGlobal) {
            globalBytes += key.length() + value.length;
            byte[] old = global.put(key, value);
            globalBytes -= old == null ? 0 : key.length() + old.length;
            if (globalBytes > MAX_GLOBAL_BYTES) {
                throw new TarNumberException("global pax records of more than " + MAX_GLOBAL_BYTES + " bytes");
            }
            return;
        }
        if (key.equals("GNU.sparse.offset")) {
            sparse00Offset = decimal(key, value);
            return;
        }
        if (key.equals("GNU.sparse.numbytes")) {
            SparseMap map = sparse00 == null ? new SparseMap() : sparse00;
            if (sparse00Offset < 0) {
                throw new TarNumberException("GNU.sparse.numbytes without GNU.sparse.offset");
            }
            map.add(sparse00Offset, decimal(key, value));
            sparse00 = map;
            sparse00Offset = -1;
            return;
        }
        local.put(key, value);
    }

    private static int indexOf(byte[] bytes, char wanted, int from, int to) {
        for (int i = from; i < to; i++) {
            if (bytes[i] == wanted) {
                return i;
            }
        }
        return -1;
    }

    /** A decimal number of up to 18 digits. */
    static long decimal(String key, byte[] text) throws TarNumberException {
        boolean negative = text.length > 1 && text[0] == '-';
        int start = negative ? 1 : 0;
        if (text.length == start || text.length - start > 18) {
            throw new TarNumberException(key + " is no number of 1 to 18 digits");
        }
        long value = 0;
        for (int i = start; i < text.length; i++) {
            if (text[i] < '0' || text[i] > '9') {
                throw new TarNumberException(key + " holds byte 0x%02x, no digit".formatted(text[i] & 0xFF));
            }
            value = value * 10 + (text[i] - '0');
        }
        return negative ? -value : value;
    }
}
