package io.lamina.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The argument of device-mapper's calls: {@code struct dm_ioctl}, behind which {@code struct dm_target_spec}s and their
 * texts can lie (https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/dm-ioctl.h). Fields are in the byte order
 * of the machine.
 *
 * <pre>
 *   0 version[3]   12 data_size   16 data_start   20 target_count   24 open_count   28 flags   32 event_nr   36 padding
 *  40 dev          48 name[128]  176 uuid[129]   305 data[7]
 * 312 sector_start 320 length    328 status      332 next           336 target_type[16]   352 text, NUL
 * </pre>
 */
final class DmIoctl {
    static final int HEADER_BYTES = 312;
    static final int TARGET_SPEC_BYTES = 40;
    static final int NAME_BYTES = 128;
    static final int TARGET_TYPE_BYTES = 16;

    /** {@code DM_READONLY_FLAG}. */
    static final int READ_ONLY = 1;

    /** {@code DM_SECURE_DATA_FLAG}: the kernel wipes its copy of the argument. */
    static final int SECURE_DATA = 1 << 15;

    private static final int VERSION = 0;
    private static final int DATA_SIZE = 12;
    private static final int DATA_START = 16;
    private static final int TARGET_COUNT = 20;
    private static final int FLAGS = 28;
    private static final int DEV = 40;
    private static final int NAME = 48;

    // Within struct dm_target_spec.
    private static final int SECTOR_START = 0;
    private static final int LENGTH = 8;
    private static final int NEXT = 20;
    private static final int TARGET_TYPE = 24;

    private static final int TEXT = HEADER_BYTES + TARGET_SPEC_BYTES;

    /** The interface's major version; the kernel checks it and writes its own numbers. */
    private static final int VERSION_MAJOR = 4;

    /** Targets lie at multiples of this. */
    private static final int TARGET_ALIGNMENT_BYTES = 8;

    private final MemorySegment bytes;

    private DmIoctl(MemorySegment bytes) {
        this.bytes = bytes;
    }

    /** An argument about the device {@code name}, with room for an answer of {@code answerBytes}. */
    static DmIoctl of(SegmentAllocator allocator, String name, int flags, int answerBytes) {
        DmIoctl argument = new DmIoctl(allocator.allocate(HEADER_BYTES + (long) answerBytes, Long.BYTES));
        argument.bytes.set(ValueLayout.JAVA_INT, VERSION, VERSION_MAJOR);
        argument.bytes.set(ValueLayout.JAVA_INT, DATA_SIZE, (int) argument.bytes.byteSize());
        argument.bytes.set(ValueLayout.JAVA_INT, DATA_START, HEADER_BYTES);
        argument.bytes.set(ValueLayout.JAVA_INT, FLAGS, flags);
        argument.put(NAME, NAME_BYTES, name);
        return argument;
    }

    /** An argument that carries a table of {@code targets}, which follow each other without a gap. */
    static DmIoctl of(SegmentAllocator allocator, String name, int flags, List<DeviceMapper.Target> targets) {
        int bytes = targets.stream().mapToInt(DmIoctl::specBytes).sum();
        DmIoctl argument = of(allocator, name, flags, bytes);
        argument.bytes.set(ValueLayout.JAVA_INT, TARGET_COUNT, targets.size());
        int at = HEADER_BYTES;
        long sector = 0;
        for (DeviceMapper.Target target : targets) {
            argument.bytes.set(ValueLayout.JAVA_LONG, at + SECTOR_START, sector);
            argument.bytes.set(ValueLayout.JAVA_LONG, at + LENGTH, target.lengthSectors());
            argument.bytes.set(ValueLayout.JAVA_INT, at + NEXT, specBytes(target));
            argument.put(at + TARGET_TYPE, TARGET_TYPE_BYTES, target.type());
            argument.put(at + TARGET_SPEC_BYTES, textBytes(target), target.parameters());
            sector += target.lengthSectors();
            at += specBytes(target);
        }
        return argument;
    }

    private static int textBytes(DeviceMapper.Target target) {
        return target.parameters().getBytes(StandardCharsets.US_ASCII).length + 1;
    }

    private static int specBytes(DeviceMapper.Target target) {
        return TARGET_SPEC_BYTES + Math.ceilDiv(textBytes(target), TARGET_ALIGNMENT_BYTES) * TARGET_ALIGNMENT_BYTES;
    }

    MemorySegment bytes() {
        return bytes;
    }

    /** Minor number of the device, out of the kernel's packing (new_encode_dev of linux/kdev_t.h). */
    int minor() {
        long dev = bytes.get(ValueLayout.JAVA_LONG, DEV);
        return (int) ((dev & 0xff) | ((dev >>> 12) & 0xfff00));
    }

    /** The text of the first target of an answer; empty when there is no target. */
    String targetText() {
        if (bytes.get(ValueLayout.JAVA_INT, TARGET_COUNT) == 0 || bytes.byteSize() <= TEXT) {
            return "";
        }
        return bytes.asSlice(TEXT).getString(0, StandardCharsets.US_ASCII);
    }

    private void put(int offset, int room, String text) {
        byte[] ascii = text.getBytes(StandardCharsets.US_ASCII);
        if (ascii.length >= room) {
            throw new IllegalArgumentException(
                    "device-mapper takes at most " + (room - 1) + " characters here: " + text);
        }
        MemorySegment.copy(ascii, 0, bytes, ValueLayout.JAVA_BYTE, offset, ascii.length);
    }
}
