package io.lamina.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

class DmIoctlTest {
    @Test
    void aTableOfOneTargetHasTheBytesThatTheKernelReads() {
        try (Arena arena = Arena.ofConfined()) {
            DmIoctl argument = DmIoctl.of(
                    arena,
                    "image",
                    DmIoctl.READ_ONLY,
                    List.of(new DeviceMapper.Target("verity", 0x1234, "1 /dev/vda")));
            byte[] bytes = argument.bytes().toArray(ValueLayout.JAVA_BYTE);
            // Header, target and "1 /dev/vda" with its NUL, filled up to a multiple of 8.
            ByteBuffer expected = ByteBuffer.allocate(312 + 40 + 16).order(ByteOrder.nativeOrder());
            expected.putInt(0, 4)
                    .putInt(12, expected.capacity())
                    .putInt(16, 312)
                    .putInt(20, 1)
                    .putInt(28, 1);
            expected.put(48, "image".getBytes(StandardCharsets.US_ASCII));
            expected.putLong(320, 0x1234).putInt(332, 56).put(336, "verity".getBytes(StandardCharsets.US_ASCII));
            expected.put(352, "1 /dev/vda".getBytes(StandardCharsets.US_ASCII));
            HexFormat hex = HexFormat.of();
            assertEquals(hex.formatHex(expected.array()), hex.formatHex(bytes));
        }
    }

    @Test
    void targetsFollowEachOtherWithoutAGap() {
        try (Arena arena = Arena.ofConfined()) {
            DeviceMapper.Target first = new DeviceMapper.Target("linear", 8, "/dev/loop0 0");
            DeviceMapper.Target second = new DeviceMapper.Target("linear", 16, "/dev/vda 0");
            DmIoctl argument = DmIoctl.of(arena, "joined", 0, List.of(first, second));
            ByteBuffer bytes = argument.bytes().asByteBuffer().order(ByteOrder.nativeOrder());
            assertEquals(2, bytes.getInt(20));
            int next = 312 + bytes.getInt(332);
            assertEquals(312 + 40 + 16, next);
            assertEquals(8, bytes.getLong(next));
            assertEquals(16, bytes.getLong(next + 8));
            assertEquals(bytes.capacity(), next + bytes.getInt(next + 20));
        }
    }

    @Test
    void minorNumbersComeOutOfTheKernelsPacking() {
        try (Arena arena = Arena.ofConfined()) {
            DmIoctl argument = DmIoctl.of(arena, "image", 0, 0);
            argument.bytes().set(ValueLayout.JAVA_LONG, 40, 0xfd05); // 253:5
            assertEquals(5, argument.minor());
            argument.bytes().set(ValueLayout.JAVA_LONG, 40, 0x12fd34); // 253:0x134
            assertEquals(0x134, argument.minor());
        }
    }

    @Test
    void namesThatDoNotFitAreRefused() {
        try (Arena arena = Arena.ofConfined()) {
            assertThrows(IllegalArgumentException.class, () -> DmIoctl.of(arena, "n".repeat(128), 0, 0));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> DmIoctl.of(arena, "n", 0, List.of(new DeviceMapper.Target("t".repeat(16), 1, ""))));
        }
    }
}
