package io.lamina.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.verity.VerityGeometry;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CorruptedBlocksTest {
    @Test
    void blocksOfDataAndTreeAreNamedOnceEachInDataBlocks() {
        String log = """
                <6>[    3.1] erofs: (device dm-0): mounted with root inode @ nid 36.
                <3>[    3.2] device-mapper: verity: 254:0: data block 7 is corrupted
                <3>[    3.2] device-mapper: verity: 254:0: data block 7 is corrupted
                <3>[    3.3] device-mapper: verity: 254:0: metadata block 1792 is corrupted
                """;
        assertEquals(List.of(7L, 1792L), List.copyOf(CorruptedBlocks.in(log, VerityGeometry.STANDARD)));
        assertEquals(List.of(7L, 8 * 1792L), List.copyOf(CorruptedBlocks.in(log, new VerityGeometry(512, 4096))));
    }

    @Test
    void linesThatSomebodyElseWroteGiveNumbersOrNothing() {
        String log = """
                device-mapper: verity: 254:0: data block 99999999999999999999 is corrupted
                device-mapper: verity: 254:0: data block -1 is corrupted
                device-mapper: verity: 254:0: data block  is corrupted
                """;
        assertTrue(CorruptedBlocks.in(log, VerityGeometry.STANDARD).isEmpty());
        String flood = IntStream.range(0, 5000)
                .mapToObj(block -> "device-mapper: verity: 254:0: data block " + block + " is corrupted")
                .collect(Collectors.joining("\n"));
        assertEquals(1024, CorruptedBlocks.in(flood, VerityGeometry.STANDARD).size());
    }
}
