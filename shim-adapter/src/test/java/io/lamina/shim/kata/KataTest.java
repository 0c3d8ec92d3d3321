package io.lamina.shim.kata;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.oci.Digest;
import io.lamina.shim.attachment.Attachments;
import io.lamina.shim.mount.RootfsMount;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Against the formats as Kata's and containerd's sources define them. */
final class KataTest {
    @Test
    void routeAIsOneErofsMountBelowAnOverlay() {
        List<RootfsMount> mounts = KataRsMounts.flat(Attachments.sample(true));
        assertEquals(
                List.of("ext4", "erofs", "format/mkdir/overlay"),
                mounts.stream().map(RootfsMount::type).toList());
        assertEquals(List.of("ro", "loop"), mounts.get(1).options());
        assertEquals("{{ mount 1 }}", mounts.get(2).option("lowerdir=").orElseThrow());
        assertEquals(
                "{{ mount 0 }}/upper:0755",
                mounts.get(2).option("X-containerd.mkdir.path=").orElseThrow());
        assertEquals(
                "{{ mount 0 }}",
                KataRsMounts.flat(Attachments.sample(false))
                        .get(1)
                        .option("lowerdir=")
                        .orElseThrow());
    }

    @Test
    void routeBHasTwoErofsMountsWithSidecarsTopFirst() {
        List<RootfsMount> mounts = KataRsMounts.verified(Attachments.sample(false));
        assertEquals("/run/lamina/raw", mounts.get(0).source());
        assertEquals(
                "/run/lamina/rawDmverity",
                mounts.get(0).option("X-containerd.dmverity=").orElseThrow());
        assertEquals("/run/lamina/empty", mounts.get(1).source());
        assertEquals(
                "/run/lamina/emptyDmverity",
                mounts.get(1).option("X-containerd.dmverity=").orElseThrow());
        assertEquals("{{ overlay 0 1 }}", mounts.get(2).option("lowerdir=").orElseThrow());
    }

    @Test
    void theSidecarIsContainerds() throws Exception {
        Digest root = Digest.ofContent(new byte[] {1});
        DmVeritySidecar sidecar = DmVeritySidecar.of(root, 4096);
        String text = new String(sidecar.write(), StandardCharsets.UTF_8);
        assertEquals("{\"hashoffset\":4096,\"roothash\":\"" + root.hex() + "\"}", text);
        assertEquals(sidecar, DmVeritySidecar.read(sidecar.write()));
        assertThrows(CorruptImageException.class, () -> DmVeritySidecar.read(new byte[DmVeritySidecar.MAX_BYTES + 1]));
        assertThrows(
                CorruptImageException.class,
                () -> DmVeritySidecar.read("{\"roothash\":\"\"}".getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void theCacheIsKeyedByDiffId() {
        Digest diffId = Digest.ofContent(new byte[0]);
        Path blob = LayerContentCache.blob(Path.of("/cache"), diffId);
        assertEquals(Path.of("/cache/sha256/" + diffId.hex().substring(0, 2) + "/" + diffId.hex() + ".erofs"), blob);
        assertEquals(blob + ".dmverity", LayerContentCache.sidecar(blob).toString());
    }

    @Test
    void routeEIsOneOverlay() {
        RootfsMount mount =
                KataGoMounts.overlay(Path.of("/m"), Optional.of(Path.of("/rw"))).getFirst();
        assertEquals("overlay", mount.type());
        assertEquals(List.of("workdir=/rw/work", "upperdir=/rw/upper", "lowerdir=/m"), mount.options());
    }

    /** The directory's name is what Kata's tests have for such a path: URL-safe, with padding. */
    @Test
    void aDirectVolumeIsFoundByItsPath() throws Exception {
        Path volume = Path.of("/var/lib/kubelet/pods/a?b>c");
        String name = DirectVolume.directoryName(volume);
        assertEquals(Base64.getUrlEncoder().encodeToString(volume.toString().getBytes(StandardCharsets.UTF_8)), name);
        assertTrue(name.endsWith("=") || name.length() % 4 == 0, name);
        assertEquals(volume, DirectVolume.volume(name));
        DirectVolume info = DirectVolume.erofs("directvol", Path.of("/dev/x"));
        assertEquals(
                "{\"device\":\"/dev/x\",\"fstype\":\"erofs\",\"metadata\":{},\"options\":[\"ro\"],\"volume-type\":\"directvol\"}",
                new String(info.write(), StandardCharsets.UTF_8));
        assertEquals(info, DirectVolume.read(info.write()));
        // As Kata's documents show it, and as its program refuses it.
        assertThrows(
                CorruptImageException.class,
                () -> DirectVolume.read("{\"volume_type\":\"x\",\"device\":\"/d\",\"fs_type\":\"ext4\"}"
                        .getBytes(StandardCharsets.UTF_8)));
        for (String broken : new String[] {"Li4vLi4v", "%", "L3ZhcgAv", "L3Zh"}) {
            assertThrows(
                    CorruptImageException.class, () -> DirectVolume.volume(broken.equals("L3Zh") ? "L3Z" : broken));
        }
    }

    @Test
    void namesInTheVhostUserStoreAreNoPaths() throws Exception {
        VhostUserStore store = new VhostUserStore(VhostUserStore.DEFAULT_ROOT);
        assertEquals(
                "/var/run/kata-containers/vhost-user/block/devices/a",
                store.node("a").toString());
        for (String broken : new String[] {"..", "a/b", "", "a\nb", "x".repeat(1 << 20)}) {
            assertThrows(CorruptImageException.class, () -> store.socket(broken));
        }
    }

    @ParameterizedTest
    @EnumSource(KataVirtualVolume.Type.class)
    void allEightVolumesAreReadAndOneIsWritten(KataVirtualVolume.Type type) throws Exception {
        String fsType = type.text().contains("nydus") ? "rafsv6" : "erofs";
        String json = "{\"volume_type\":\"" + type.text() + "\",\"source\":\"/s\",\"fs_type\":\"" + fsType
                + "\",\"nydus_image\":{\"config\":\"c\",\"snapshot_dir\":\"/d\"},\"image_pull\":{\"metadata\":{\"a\":\"b\"}},"
                + "\"dm_verity\":{\"hashtype\":\"sha256\",\"hash\":\"ab\",\"blocknum\":2,\"blocksize\":512,\"hashsize\":4096,"
                + "\"offset\":4096}}";
        KataVirtualVolume volume = KataVirtualVolume.read(option(json));
        assertEquals(type, volume.type());
        if (type == KataVirtualVolume.Type.IMAGE_GUEST_PULL) {
            assertEquals(
                    volume.source(), KataVirtualVolume.read(volume.option()).source());
        } else {
            UnsupportedImageException refused = assertThrows(UnsupportedImageException.class, volume::option);
            assertTrue(refused.getMessage().contains(type.text()), refused.getMessage());
        }
        for (String[] broken : new String[][] {
            {"\"source\":\"/s\"", "\"source\":\"\""},
            {"\"offset\":4096", "\"offset\":512"},
            {"\"offset\":4096", "\"offset\":0"},
            {"\"blocknum\":2", "\"blocknum\":4294967296"},
            {"\"hash\":\"ab\"", "\"hash\":\"xy\""},
            {type.text(), "other"},
        }) {
            assertThrows(
                    CorruptImageException.class,
                    () -> KataVirtualVolume.read(option(json.replace(broken[0], broken[1]))));
        }
    }

    @Test
    void aGuestPullIsTheOptionThatKataReads() throws Exception {
        KataVirtualVolume volume = KataVirtualVolume.guestPull("docker.io/library/busybox", new TreeMap<>());
        assertEquals(volume, KataVirtualVolume.read(volume.option()));
    }

    private static String option(String json) {
        return KataVirtualVolume.OPTION + Base64.getEncoder().encodeToString(json.getBytes(StandardCharsets.UTF_8));
    }
}
