package io.lamina.shim;

import io.lamina.images.CorruptImageException;
import io.lamina.images.testing.FuzzRounds;
import io.lamina.images.testing.Mutations;
import io.lamina.shim.attachment.AttachmentJson;
import io.lamina.shim.attachment.Attachments;
import io.lamina.shim.bundle.BundleRules;
import io.lamina.shim.bundle.HcsshimVersion;
import io.lamina.shim.bundle.OciBundle;
import io.lamina.shim.doctor.ContainerdConfig;
import io.lamina.shim.doctor.KataConfig;
import io.lamina.shim.hcs.HcsMount;
import io.lamina.shim.kata.DirectVolume;
import io.lamina.shim.kata.DmVeritySidecar;
import io.lamina.shim.kata.KataVirtualVolume;
import io.lamina.shim.mount.RootfsMount;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Every parser of outside text ends in a value or in {@link CorruptImageException}. */
final class HostileInputTest {
    private static final int ROUNDS = 20_000;

    /** A parser, and a text that it takes. */
    private record Parser(String name, String valid, Reading reading) {
        byte[] text() {
            return valid.getBytes(StandardCharsets.UTF_8);
        }
    }

    /** Reads a text. */
    @FunctionalInterface
    private interface Reading {
        void read(byte[] text) throws CorruptImageException;
    }

    private static final List<Parser> PARSERS = List.of(
            parser("attachment", string(AttachmentJson.write(Attachments.sample(true))), AttachmentJson::read),
            parser(
                    "direct volume",
                    string(DirectVolume.erofs("directvol", Path.of("/dev/x")).write()),
                    DirectVolume::read),
            parser("directory", "L3Zhci9saWI=", text -> DirectVolume.volume(string(text))),
            parser(
                    "sidecar",
                    "{\"roothash\":\"" + "ab".repeat(32) + "\",\"hashoffset\":4096,\"salt\":\"00\"}",
                    DmVeritySidecar::read),
            parser(
                    "volume",
                    "{\"volume_type\":\"image_raw_block\",\"source\":\"/s\",\"fs_type\":\"erofs\",\"options\":[\"ro\"],"
                            + "\"dm_verity\":{\"hashtype\":\"sha256\",\"hash\":\"ab\",\"blocknum\":2,\"blocksize\":512,"
                            + "\"hashsize\":4096,\"offset\":4096}}",
                    text -> KataVirtualVolume.read(
                            KataVirtualVolume.OPTION + Base64.getEncoder().encodeToString(text))),
            parser(
                    "base64 of a volume",
                    KataVirtualVolume.OPTION + "eyJ2b2x1bWVfdHlwZSI6ImltYWdlX2d1ZXN0X3B1bGwiLCJzb3VyY2UiOiJhIn0=",
                    text -> KataVirtualVolume.read(string(text))),
            parser(
                    "mounts",
                    "[{\"type\":\"lcow-layer\",\"source\":\"C:\\\\s\",\"options\":[\"parentLayerPaths=[\\\"C:\\\\\\\\a\\\"]\"]},"
                            + "{\"type\":\"BlockCIM\",\"source\":\"C:\\\\s\",\"options\":[\"parentCimPaths=[\\\"a\\\"]\",\"blockCIMType=file\"]}]",
                    text -> {
                        for (RootfsMount mount : RootfsMount.readList("rootfs", text)) {
                            HcsMount.parse(mount);
                        }
                    }),
            parser(
                    "bundle",
                    "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"\"},\"windows\":{\"layerFolders\":[\"a\",\"b\"],\"hyperv\":{}},"
                            + "\"linux\":null,\"annotations\":{\"microsoft.com/hostprocess-container\":\"true\"}}",
                    text -> BundleRules.resolve(OciBundle.read(text), List.of(), HcsshimVersion.NEWEST)),
            parser("version", "v0.12.3-rc.1", text -> HcsshimVersion.parse(string(text))),
            parser("Kata's TOML", """
                    [hypervisor.qemu]
                    path = "/q" # comment
                    n = 0x1F
                    d = 2026-01-01T00:00:00Z
                    f = 1e5
                    [[a.b]]
                    c = {d = [1, 2]}
                    [runtime]
                    hypervisor_name = 'qemu'
                    """, KataConfig::read),
            parser("containerd's TOML", """
                    version = 3
                    [plugins."io.containerd.snapshotter.v1.erofs"]
                    layer_content_caches = ["/c"]
                    """, ContainerdConfig::read));

    private static Parser parser(String name, String valid, Reading reading) {
        return new Parser(name, valid, reading);
    }

    private static String string(byte[] text) {
        return new String(text, StandardCharsets.ISO_8859_1);
    }

    @Test
    void everyParserTakesItsOwnText() throws Exception {
        for (Parser parser : PARSERS) {
            parser.reading.read(parser.text());
        }
    }

    @Test
    void damagedTextsEndInAValueOrInTheRuleBroken() throws Exception {
        FuzzRounds.run(1, ROUNDS, () -> seed -> {
            Parser parser = PARSERS.get((int) (seed % PARSERS.size()));
            byte[] text = Mutations.mutate(parser.text(), new Random(seed));
            try {
                parser.reading.read(text);
            } catch (CorruptImageException told) {
                // As it should be.
            } catch (RuntimeException | Error failure) {
                throw new AssertionError(
                        parser.name + ", seed " + seed + ": " + failure + " of " + string(text), failure);
            }
        });
    }

    @Test
    void megabytesOfOneKindEndInTheRuleBroken() {
        for (Parser parser : PARSERS) {
            for (String piece : new String[] {"[", "{\"a\":", "\"", "a", "\u0000", "../", "\n", "a=[", "9", "%0"}) {
                byte[] text = piece.repeat((1 << 20) / piece.length()).getBytes(StandardCharsets.UTF_8);
                try {
                    parser.reading.read(text);
                } catch (CorruptImageException told) {
                    // As it should be.
                } catch (RuntimeException | Error failure) {
                    throw new AssertionError(parser.name + " of many " + piece + ": " + failure, failure);
                }
            }
        }
    }
}
