package io.lamina.images.erofs;

import java.io.IOException;

/**
 * The extents of a compressed file as a list
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct z_erofs_extent</a>), whose places
 * count bytes, not blocks. Short records leave out what others tell:
 *
 * <ul>
 *   <li>4 bytes: the stored length. All extents are one cluster long and lie one behind the other, from a place that
 *       stands in front of the list, in 8 bytes.
 *   <li>8 bytes: the stored length and bits 0 to 31 of the place. All extents are one cluster long.
 *   <li>16 bytes: also bits 32 to 63 of the place, and bits 0 to 31 of where the extent starts in the file.
 *   <li>32 bytes: also bits 32 to 63 of the latter, and 12 bytes that are reserved.
 * </ul>
 */
final class EncodedExtents implements FileExtents {
    private static final int PLACE = 4;
    private static final int PLACE_HIGH = 8;
    private static final int FILE_START = 12;
    private static final int FILE_START_HIGH = 16;

    private static final int LENGTH_ONLY_BYTES = 4;
    private static final int LONGEST_CLUSTER_RECORD_BYTES = 8;
    private static final int LONGEST_RECORD_BYTES = 32;

    private static final int LENGTH_MASK = (MAX_STORED_BYTES << 1) - 1;
    /** The number of the compression plus one, above the length. */
    private static final int FORMAT_SHIFT = 28;

    private final CompressionHeader header;
    private final ImageBytes bytes;
    private final int recordBytes;
    private final int count;
    private final long listByte;

    // Places of records of 4 bytes follow from the ones before; the last sum is kept.
    private int placedNumber;
    private long placedByte;

    EncodedExtents(ErofsImage image, CompressionHeader header) throws IOException {
        this.header = header;
        this.bytes = image.bytesOf(header.inode());
        this.recordBytes = header.extentRecordBytes();
        long start = header.endByte() + recordBytes - 1 & -recordBytes;
        if (recordBytes == LENGTH_ONLY_BYTES) {
            placedByte = bytes.i64(start);
            start += Long.BYTES;
        }
        this.listByte = start;
        long told = recordBytes <= LONGEST_CLUSTER_RECORD_BYTES ? clusters() : header.extentCount();
        if (told > bytes.endByte() / recordBytes) {
            throw corrupt(start, told + " extents are more than the image can hold");
        }
        this.count = (int) told;
        bytes.check("compressed extents", start, told * recordBytes);
    }

    private long clusters() {
        long size = header.sizeBytes();
        return ((size - 1) >>> header.clusterBits()) + 1;
    }

    @Override
    public long metadataBytes() {
        return listByte + (long) count * recordBytes - header.startByte();
    }

    @Override
    public Extent extent(long offset) throws IOException {
        long size = header.sizeBytes();
        boolean byCluster = recordBytes <= LONGEST_CLUSTER_RECORD_BYTES;
        int number = byCluster ? (int) (offset >>> header.clusterBits()) : find(offset);
        long start = number < 0 ? 0 : startOf(number);
        long end = number + 1 < count ? Math.min(size, startOf(number + 1)) : size;
        if (offset < start || end <= offset) {
            throw corrupt(
                    record(number),
                    "extent " + number + " from byte " + start + " to " + end + " of a file of " + size
                            + ": the list is not in ascending order");
        }
        if (number < 0) {
            checkLength(number, end);
            return new Extent(start, end - start, PLAIN, new Stored.Hole());
        }
        return extent(number, start, end - start);
    }

    private Extent extent(int number, long start, long length) throws IOException {
        int word = bytes.i32(record(number));
        if (number == count - 1 && header.hasFragment()) {
            // What would be its place is the upper half of the fragment's.
            long high = recordBytes == LENGTH_ONLY_BYTES ? 0 : bytes.u32(record(number) + PLACE) << Integer.SIZE;
            return new Extent(start, length, PLAIN, new Stored.Fragment(high | (word & 0xFFFF_FFFFL)));
        }
        checkLength(number, length);
        int stored = word & LENGTH_MASK;
        if (stored == 0) {
            return new Extent(start, length, PLAIN, new Stored.Hole());
        }
        if (stored > MAX_STORED_BYTES) {
            throw corrupt(record(number), "extent " + number + " of " + length + " bytes is stored in " + stored);
        }
        long place = placeOf(number);
        boolean wholeBlocks = ((place | stored) & (1L << header.blockBits()) - 1) == 0;
        return new Extent(
                start,
                length,
                (word >>> FORMAT_SHIFT) - 1,
                new Stored.Data(place, stored, header.isInterlaced() && wholeBlocks));
    }

    /** Holds for holes, too: what a small image costs to read is bounded by it. */
    private void checkLength(int number, long length) throws IOException {
        if (length > MAX_EXTENT_BYTES) {
            throw corrupt(record(number), "extent " + number + " has " + length + " bytes");
        }
    }

    /** The last record that starts at {@code offset} or before, -1 if none does. */
    private int find(long offset) throws IOException {
        int before = -1;
        int behind = count;
        while (behind - before > 1) {
            int middle = (before + behind) >>> 1;
            if (startOf(middle) <= offset) {
                before = middle;
            } else {
                behind = middle;
            }
        }
        return before;
    }

    private long record(int number) {
        return listByte + (long) Math.max(0, number) * recordBytes;
    }

    private long startOf(int number) throws IOException {
        long at = record(number);
        if (recordBytes <= LONGEST_CLUSTER_RECORD_BYTES) {
            return (long) number << header.clusterBits();
        }
        long high = recordBytes == LONGEST_RECORD_BYTES ? bytes.u32(at + FILE_START_HIGH) : 0;
        return bytes.u32(at + FILE_START) | high << Integer.SIZE;
    }

    private long placeOf(int number) throws IOException {
        long at = record(number);
        if (recordBytes == LENGTH_ONLY_BYTES) {
            if (number < placedNumber) {
                placedByte = bytes.i64(listByte - Long.BYTES);
                placedNumber = 0;
            }
            while (placedNumber < number) {
                placedByte += bytes.i32(record(placedNumber)) & LENGTH_MASK;
                placedNumber++;
            }
            return placedByte;
        }
        long high = recordBytes == LONGEST_CLUSTER_RECORD_BYTES ? 0 : bytes.u32(at + PLACE_HIGH);
        return bytes.u32(at + PLACE) | high << Integer.SIZE;
    }

    private IOException corrupt(long offset, String rule) {
        return bytes.corrupt("compressed extents of " + header.inode().label(), offset, rule);
    }
}
