package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Where a sparse file has data, as GNU tar writes it.
 *
 * @param runs in ascending order; an empty one at the end when the file ends in a hole
 */
record SparseMap(List<Run> runs) {
    /** A hole is a run of zero blocks of this size, as it is for GNU tar. */
    private static final int BLOCK_BYTES = 512;

    // GNU's struct sparse_header: four entries in the header, 21 in each extension block.
    private static final int HEADER_MAP = 386;
    private static final int HEADER_ENTRIES = 4;
    private static final int HEADER_EXTENDED = 482;
    private static final int HEADER_REAL_SIZE = 483;
    private static final int EXTENSION_ENTRIES = 21;
    private static final int EXTENSION_EXTENDED = 504;
    private static final int ENTRY_BYTES = 24;

    /** A run of data. */
    record Run(long startByte, long lengthBytes) {}

    static SparseMap of(byte[] content) {
        List<Run> runs = new ArrayList<>();
        int start = -1;
        for (int at = 0; at < content.length; at += BLOCK_BYTES) {
            int end = Math.min(content.length, at + BLOCK_BYTES);
            boolean zero = isZero(content, at, end);
            if (!zero && start < 0) {
                start = at;
            } else if (zero && start >= 0) {
                runs.add(new Run(start, at - start));
                start = -1;
            }
        }
        runs.add(start >= 0 ? new Run(start, content.length - start) : new Run(content.length, 0));
        return new SparseMap(runs);
    }

    /** The data of all runs. */
    byte[] packed(byte[] content) {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        runs.forEach(run -> packed.write(content, (int) run.startByte(), (int) run.lengthBytes()));
        return packed.toByteArray();
    }

    /** {@code offset,length,offset,length…}, for format 0.1. */
    String commaSeparated() {
        return runs.stream()
                .map(run -> run.startByte() + "," + run.lengthBytes())
                .collect(Collectors.joining(","));
    }

    /** The map in lines, zeroes up to a block, and the data: format 1.0. */
    byte[] prefixed(byte[] packed) {
        StringBuilder lines = new StringBuilder().append(runs.size()).append('\n');
        runs.forEach(run -> lines.append(run.startByte())
                .append('\n')
                .append(run.lengthBytes())
                .append('\n'));
        byte[] map = lines.toString().getBytes(ISO_8859_1);
        int mapBytes = map.length + Math.floorMod(-map.length, BLOCK_BYTES);
        byte[] prefixed = Arrays.copyOf(map, mapBytes + packed.length);
        System.arraycopy(packed, 0, prefixed, mapBytes, packed.length);
        return prefixed;
    }

    /** A header of type {@code S} with the map in it, and the extension blocks that hold the rest. */
    byte[] gnuHeaders(TarHeader header, long realSizeBytes) {
        header.type('S');
        entries(header, HEADER_MAP, runs.subList(0, Math.min(HEADER_ENTRIES, runs.size())));
        header.number(HEADER_REAL_SIZE, 12, realSizeBytes);
        boolean more = runs.size() > HEADER_ENTRIES;
        header.bytes(HEADER_EXTENDED, 1, more ? "\1" : "\0");
        ByteArrayOutputStream blocks = new ByteArrayOutputStream();
        blocks.writeBytes(header.gnu());
        for (int next = HEADER_ENTRIES; next < runs.size(); next += EXTENSION_ENTRIES) {
            int end = Math.min(next + EXTENSION_ENTRIES, runs.size());
            TarHeader extension = TarHeader.empty();
            entries(extension, 0, runs.subList(next, end));
            extension.bytes(EXTENSION_EXTENDED, 1, end < runs.size() ? "\1" : "\0");
            blocks.writeBytes(extension.unsummed());
        }
        return blocks.toByteArray();
    }

    private static void entries(TarHeader header, int offset, List<Run> runs) {
        int at = offset;
        for (Run run : runs) {
            header.number(at, 12, run.startByte());
            header.number(at + 12, 12, run.lengthBytes());
            at += ENTRY_BYTES;
        }
    }

    private static boolean isZero(byte[] content, int from, int to) {
        for (int i = from; i < to; i++) {
            if (content[i] != 0) {
                return false;
            }
        }
        return true;
    }
}
