package io.lamina.images.oci;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.lamina.images.CorruptImageException;
import io.lamina.images.testing.Mutations;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class ImageConfigTest {
    private static final String DIFF_ID = "sha256:441a1f83829bf4f1eacff8dac1fc8e964f6c95d9cc5ac9b23c228b3641fe1764";

    private static final String FULL = """
            {"created":"2026-11-22T21:11:43.920256832Z","architecture":"arm64","variant":"v8","os":"linux",
             "config":{"Entrypoint":["/init","-x"],"Cmd":["ä\\u00df"],"Env":["PATH=/bin","EMPTY="],"User":"1000:100",
                       "WorkingDir":"/srv","ExposedPorts":{"80/tcp":{}},"Labels":null},
             "rootfs":{"type":"layers","diff_ids":["%s","%s"]},
             "history":[{"created":"2026-11-22T21:11:44Z","empty_layer":true,"weight":-1.5e3}]}
            """.formatted(DIFF_ID, DIFF_ID);

    @Test
    void everyMemberIsRead() throws Exception {
        ImageConfig config = parse(FULL);
        assertEquals(new Platform("linux", "arm64", "v8"), config.platform());
        assertEquals(
                new ImageConfig.Execution(
                        List.of("/init", "-x"), List.of("äß"), List.of("PATH=/bin", "EMPTY="), "/srv", "1000:100"),
                config.execution());
        assertEquals(List.of(Digest.parse(DIFF_ID), Digest.parse(DIFF_ID)), config.diffIds());
    }

    @Test
    void nullCountsAsAbsent() throws Exception {
        ImageConfig config = parse(
                "{\"config\":{\"Entrypoint\":null,\"Cmd\":null,\"User\":null},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}");
        assertEquals(new ImageConfig.Execution(List.of(), List.of(), List.of(), "", ""), config.execution());
        assertEquals(List.of(), config.diffIds());
        assertEquals(config, parse("{\"config\":null,\"os\":null,\"rootfs\":{\"type\":\"layers\"}}"));
    }

    @Test
    void wrongKindsAreRefusedWithTheirPlace() {
        refused(
                "image configuration: config.Cmd: expected an array, found sh",
                FULL.replace("[\"ä\\u00df\"]", "\"sh\""));
        refused("image configuration: config.Env[1]: expected a string, found 7", FULL.replace("\"EMPTY=\"", "7"));
        refused("image configuration: rootfs: is missing", FULL.replace("rootfs", "rootFs"));
        refused("image configuration: rootfs.type: is not \"layers\"", FULL.replace("\"layers\"", "\"cim\""));
        refused("image configuration: config: has a NUL within PATH=?", FULL.replace("PATH=", "PATH=\\u0000"));
        refused("digest \"sha1:441a", FULL.replaceFirst("sha256:441a", "sha1:441a"));
    }

    @Test
    void mutatedConfigurationsAreReadOrRefused() {
        byte[] original = FULL.getBytes(StandardCharsets.UTF_8);
        long seed = 0xc0f;
        Random random = new Random(seed);
        for (int round = 0; round < 20_000; round++) {
            try {
                ImageConfig.parse(Mutations.mutate(original, random));
            } catch (CorruptImageException refusal) {
                // As it should be.
            } catch (RuntimeException | Error escaped) {
                throw new AssertionError("seed " + seed + " round " + round, escaped);
            }
        }
    }

    private static void refused(String start, String json) {
        String message =
                assertThrows(CorruptImageException.class, () -> parse(json)).getMessage();
        assertEquals(start, message.substring(0, Math.min(start.length(), message.length())), message);
    }

    private static ImageConfig parse(String json) throws CorruptImageException {
        return ImageConfig.parse(json.getBytes(StandardCharsets.UTF_8));
    }
}
