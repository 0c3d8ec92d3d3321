package io.lamina.shim.bundle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonWriter;
import io.lamina.shim.bundle.BundleRules.Resolution;
import io.lamina.shim.hcs.HcsMount;
import io.lamina.shim.mount.RootfsMount;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class BundleRulesTest {
    private static final RootfsMount LAYERS = new HcsMount.LcowLayer("C:\\s", List.of("C:\\top", "C:\\base")).mount();

    @ParameterizedTest
    @ValueSource(strings = {"\"layerFolders\":null", "\"layerFolders\":[]", "\"other\":1"})
    void nullEmptyAndAbsentLayersAreNone(String layers) throws Exception {
        Resolution resolved = resolve("{\"windows\":{" + layers + "},\"linux\":{},\"root\":{\"path\":\"\"}}", LAYERS);
        assertTrue(resolved.accepted(), resolved.findings().toString());
        assertEquals(List.of("C:\\top", "C:\\base", "C:\\s"), resolved.layerFolders());
        assertEquals(List.of("C:\\base", "C:\\top"), resolved.policyLayers());
        String written = new String(JsonWriter.write(resolved.config()), StandardCharsets.UTF_8);
        assertTrue(written.contains("\"layerFolders\":[\"C:\\\\top\",\"C:\\\\base\",\"C:\\\\s\"]"), written);
        assertFalse(written.contains("null"), written);
    }

    @Test
    void bothGivenIsRefusedWithBothValues() throws Exception {
        String config = "{\"windows\":{\"layerFolders\":[\"C:\\\\x\",\"C:\\\\s\"]},\"linux\":{}}";
        Resolution resolved = resolve(config, LAYERS);
        assertFalse(resolved.accepted());
        String words = resolved.findings().toString();
        assertTrue(
                words.contains("not passed together") && words.contains("C:\\x") && words.contains("C:\\top"), words);
        assertTrue(words.contains("given twice are the same"), words);
        Resolution older = BundleRules.resolve(
                OciBundle.read(config.getBytes(StandardCharsets.UTF_8)),
                List.of(LAYERS),
                HcsshimVersion.parse("v0.11.4"));
        assertTrue(
                older.findings().toString().contains("before 0.12 appends"),
                older.findings().toString());
        assertFalse(older.accepted());
    }

    @Test
    void neitherGivenIsRefusedButForHostProcesses() throws Exception {
        assertFalse(resolve("{\"windows\":{},\"linux\":{}}").accepted());
        assertFalse(resolve("{\"windows\":{}}").accepted());
        Resolution layerless =
                resolve("{\"windows\":{},\"annotations\":{\"microsoft.com/hostprocess-container\":\"true\"}}");
        assertTrue(layerless.accepted(), layerless.findings().toString());
        assertEquals(List.of(), layerless.layerFolders());
        assertFalse(new String(JsonWriter.write(layerless.config()), StandardCharsets.UTF_8).contains("layerFolders"));
        assertTrue(resolve("{\"windows\":{},\"linux\":{},\"root\":{\"path\":\"/rootfs\"}}")
                .accepted());
    }

    @Test
    void theOtherRulesOfHcsshim() throws Exception {
        String lcow = "{\"windows\":{},\"linux\":{}}";
        refused("exactly one mount", resolve(lcow, LAYERS, LAYERS));
        refused("has no target", resolve(lcow, new RootfsMount("lcow-layer", "C:\\s", "/x", LAYERS.options())));
        refused("one that hcsshim reads", resolve(lcow, RootfsMount.of("erofs", "/x", "ro")));
        refused("the scratch at least", resolve("{\"windows\":{\"layerFolders\":[\"C:\\\\s\"]},\"linux\":{}}"));
        refused("has no root.path", resolve("{\"windows\":{\"hyperv\":{}},\"root\":{\"path\":\"C:\\\\r\"}}", LAYERS));
        assertTrue(resolve("{\"windows\":{},\"root\":{\"path\":\"\\\\\\\\?\\\\Volume{x}\"}}", LAYERS)
                .accepted());
        assertTrue(resolve("{\"linux\":{}}").accepted(), "no Windows section, none of these rules");
    }

    @Test
    void whatIsNoBundleIsRefused() {
        for (String broken : new String[] {
            "",
            "[]",
            "{\"windows\":[]}",
            "{\"windows\":{\"layerFolders\":\"x\"}}",
            "{\"root\":{\"path\":\"a\\nb\"}}",
            "{\"windows\":{\"layerFolders\":[\"a\\u0000\"]}}",
        }) {
            assertThrows(CorruptImageException.class, () -> resolve(broken));
        }
        for (String version : new String[] {"", "x", "0", "99999.1", "0.12;rm"}) {
            assertThrows(CorruptImageException.class, () -> HcsshimVersion.parse(version));
        }
    }

    private static void refused(String rule, Resolution resolution) {
        assertFalse(resolution.accepted());
        assertTrue(
                resolution.findings().toString().contains(rule),
                resolution.findings().toString());
    }

    private static Resolution resolve(String config, RootfsMount... request) throws CorruptImageException {
        return BundleRules.resolve(
                OciBundle.read(config.getBytes(StandardCharsets.UTF_8)), List.of(request), HcsshimVersion.NEWEST);
    }
}
