package io.lamina.images.layer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Reads the maps of sparse files in the four ways GNU tar has written them
 * (<a href="https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html">GNU tar, Storing Sparse Files</a>).
 */
final class SparseMapReader {
    private static final int ENTRY_BYTES = 24;
    private static final int NUMBER_BYTES = 12;
    private static final int MAX_DIGITS = 19;

    private final TarReader tar;
    private final TarHeader header;
    private final PaxRecords pax;

    SparseMapReader(TarReader tar, TarHeader header, PaxRecords pax) {
        this.tar = tar;
        this.header = header;
        this.pax = pax;
    }

    /** The old format: the map is in the header and in blocks behind it. */
    SparseMap readGnuHeader(TarInput in) throws IOException, TarNumberException {
        if (!header.isGnu()) {
            throw new TarNumberException("sparse file in a header that is not GNU's");
        }
        SparseMap map = new SparseMap();
        boolean more = add(map, header.block(), TarHeader.GNU_SPARSE, TarHeader.GNU_SPARSE_ENTRIES)
                && header.block()[TarHeader.GNU_IS_EXTENDED] != 0;
        byte[] block = new byte[TarHeader.BLOCK_BYTES];
        boolean extended = header.block()[TarHeader.GNU_IS_EXTENDED] != 0;
        while (extended) {
            in.read(block, 0, block.length);
            more = more && add(map, block, 0, TarHeader.GNU_EXTENDED_ENTRIES);
            extended = block[TarHeader.GNU_EXTENDED_IS_EXTENDED] != 0;
        }
        return map;
    }

    /** @return whether all entries of the block are used */
    private static boolean add(SparseMap map, byte[] block, int start, int entries) throws TarNumberException {
        for (int i = 0; i < entries; i++) {
            int at = start + i * ENTRY_BYTES;
            if (block[at] == 0) {
                return false;
            }
            map.add(
                    TarHeader.number(block, at, NUMBER_BYTES),
                    TarHeader.number(block, at + NUMBER_BYTES, NUMBER_BYTES));
        }
        return true;
    }

    /** The pax formats 0.0, 0.1 and 1.0; null if the file is not sparse. */
    @Nullable
    SparseMap readPax() throws IOException, TarNumberException {
        if (pax.has("GNU.sparse.major")) {
            long major = pax.number("GNU.sparse.major", 0);
            long minor = pax.number("GNU.sparse.minor", 0);
            if (major == 1 && minor == 0) {
                return readStoredMap();
            }
            if (major != 0 || minor > 1) {
                throw new TarNumberException("sparse format " + major + "." + minor + " is not known");
            }
        }
        byte[] map01 = pax.value("GNU.sparse.map");
        if (map01 != null) {
            return readCommaList(map01);
        }
        SparseMap map00 = pax.sparse00();
        if (map00 != null) {
            return map00;
        }
        return pax.has("GNU.sparse.size") ? new SparseMap() : null;
    }

    /** The size of the file whose map {@link #readPax} gave. */
    long paxRealSize() throws TarNumberException {
        long size = pax.number("GNU.sparse.realsize", pax.number("GNU.sparse.size", -1));
        if (size < 0) {
            throw new TarNumberException("sparse file without its size");
        }
        return size;
    }

    private SparseMap readCommaList(byte[] list) throws TarNumberException {
        SparseMap map = new SparseMap();
        String[] numbers = new String(list, StandardCharsets.ISO_8859_1).split(",", -1);
        if (numbers.length % 2 != 0) {
            throw new TarNumberException("GNU.sparse.map holds " + numbers.length + " numbers, which are no pairs");
        }
        for (int i = 0; i < numbers.length; i += 2) {
            map.add(decimal(numbers[i]), decimal(numbers[i + 1]));
        }
        return map;
    }

    private static long decimal(String text) throws TarNumberException {
        return PaxRecords.decimal("GNU.sparse.map", text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Format 1.0: lines of decimal digits in front of the data, padded to whole blocks. */
    private SparseMap readStoredMap() throws IOException, TarNumberException {
        Lines lines = new Lines();
        long count = lines.number();
        if (count < 0 || count > SparseMap.MAX_SEGMENTS) {
            throw new TarNumberException("a sparse map of " + count + " segments");
        }
        SparseMap map = new SparseMap();
        for (long i = 0; i < count; i++) {
            map.add(lines.number(), lines.number());
        }
        return map;
    }

    /** The numbers of format 1.0, read by whole blocks. */
    private final class Lines {
        private final byte[] block = new byte[TarHeader.BLOCK_BYTES];
        private final byte[] digits = new byte[MAX_DIGITS];
        private int at = TarHeader.BLOCK_BYTES;

        long number() throws IOException, TarNumberException {
            int length = 0;
            byte next = next();
            while (next != '\n') {
                if (length == MAX_DIGITS) {
                    throw new TarNumberException("a line of more than " + MAX_DIGITS + " digits in a sparse map");
                }
                digits[length++] = next;
                next = next();
            }
            return PaxRecords.decimal("sparse map", Arrays.copyOf(digits, length));
        }

        private byte next() throws IOException, TarNumberException {
            if (at == TarHeader.BLOCK_BYTES) {
                if (tar.unreadBytes() < TarHeader.BLOCK_BYTES) {
                    throw new TarNumberException("the sparse map does not end inside the entry");
                }
                tar.readStored(block, 0, block.length);
                at = 0;
            }
            return block[at++];
        }
    }
}
