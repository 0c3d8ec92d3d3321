package io.lamina.shim.hcs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.shim.mount.RootfsMount;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class HcsMountTest {
    private static final List<HcsMount> MOUNTS = List.of(
            new HcsMount.LcowLayer("C:\\scratch", List.of("C:\\top", "C:\\base")),
            new HcsMount.LcowPartitionedLayer("C:\\s.vhdx", List.of(new HcsMount.Partition("C:\\d.vhd", 2))),
            new HcsMount.WindowsLayer("C:\\scratch", List.of("C:\\base")),
            new HcsMount.CimFs("C:\\scratch", List.of("C:\\base"), List.of("C:\\cims\\base.cim")),
            new HcsMount.BlockCim(
                    "C:\\scratch",
                    List.of("C:\\b1\\layer.cim", "C:\\b0\\layer.cim"),
                    "file",
                    Optional.of("C:\\m\\merged.cim")));

    @Test
    void everyMountIsReadAsItWasWritten() throws Exception {
        for (HcsMount mount : MOUNTS) {
            assertEquals(mount, HcsMount.parse(mount.mount()));
        }
        assertEquals(
                List.of("rw", "parentLayerPaths=[\"C:\\\\top\",\"C:\\\\base\"]"),
                MOUNTS.getFirst().mount().options());
    }

    @Test
    void whatHcsshimRefusesIsRefusedWithTheRule() {
        refused("takes none but", "lcow-partitioned-layer", "", "scratch=x", "parent-partitioned-layers=[]", "rw");
        refused("parentLayerPaths= is missing", "lcow-layer", "C:\\s");
        refused("from 1 to", "lcow-layer", "C:\\s", "parentLayerPaths=[]");
        refused("expected an array", "lcow-layer", "C:\\s", "parentLayerPaths={}");
        refused("control character", "lcow-layer", "C:\\s", "parentLayerPaths=[\"a\\u0000\"]");
        refused("one for each", "CimFS", "C:\\s", "parentLayerPaths=[\"a\",\"b\"]", "parentCimPaths=[\"c\"]");
        refused("mergedCIMPath", "BlockCIM", "C:\\s", "parentCimPaths=[\"a\",\"b\"]", "blockCIMType=file");
        refused("device or file", "BlockCIM", "C:\\s", "parentCimPaths=[\"a\"]", "blockCIMType=disk");
        refused("is none of", "erofs", "/x");
    }

    private static void refused(String rule, String type, String source, String... options) {
        CorruptImageException broken =
                assertThrows(CorruptImageException.class, () -> HcsMount.parse(RootfsMount.of(type, source, options)));
        assertTrue(broken.getMessage().contains(rule), broken.getMessage());
    }
}
