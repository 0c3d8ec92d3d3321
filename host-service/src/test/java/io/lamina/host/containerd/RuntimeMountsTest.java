package io.lamina.host.containerd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.host.containerd.TestDaemon.Refused;
import io.lamina.host.store.Store;
import io.lamina.host.store.StoreCheck;
import io.lamina.host.store.StoreRoot;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.linux.testing.Machine;
import io.lamina.shim.hcs.HcsMount;
import io.lamina.shim.kata.KataVirtualVolume;
import io.lamina.shim.mount.RootfsMount;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What clients are told to mount for a machine, in each runtime's words; veritysetup, the kernel and QEMU judge the files. */
class RuntimeMountsTest {
    private static final String SIZE = "20000001";
    private static final long SECTORS_BYTES = 20_000_256;

    @TempDir
    private Path directory;

    private TestDaemon daemon;

    @BeforeEach
    void unpack() throws Exception {
        Machine.needsRoot();
        Machine.needsFileSystem("erofs");
        Machine.needsProgram("veritysetup", "qemu-img", "mkfs.ext4", "e2fsck");
        ContentDirectory content = new ContentDirectory(directory.resolve("c-root"));
        daemon = TestDaemon.start(directory, content.configuration().with("way", "vm"));
        byte[] tar = ContentDirectory.tar(directory, "mkdir d; head -c 70000 /dev/urandom > d/f; cp d/f " + at("f"));
        daemon.apply(
                daemon.prepare("extract-1", ""),
                ContentDirectory.TAR,
                content.add(tar).toString());
        daemon.commit("base", "extract-1");
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        if (daemon == null) {
            return;
        }
        daemon.list().stream()
                .filter(info -> !info.getName().equals("base"))
                .forEach(info -> daemon.remove(info.getName()));
        daemon.cleanup();
        assertEquals(List.of(), daemon.mountsBelow());
        daemon.close();
        try (Store store = Store.openBeside(StoreRoot.in(directory.resolve("store")))) {
            assertEquals(List.of(), StoreCheck.check(store, true, _ -> {}).problems());
        }
    }

    private String at(String name) {
        return directory.resolve(name).toString();
    }

    private List<SnapshotMount> prepare(String runtime, Map<String, String> more) {
        Map<String, String> labels = new HashMap<>(more);
        labels.put(RuntimeMounts.LABEL, runtime);
        List<SnapshotMount> told = daemon.prepare(runtime, "base", labels);
        assertEquals(told, daemon.mounts(runtime), "the same each time");
        return told;
    }

    @Test
    void runtimeRsGetsOneFlatFileAndTheScratchOfTheLabels() throws Exception {
        List<SnapshotMount> told = prepare("kata-rs", Map.of(ScratchSize.MAX_SIZE, SIZE));
        assertEquals(
                List.of("ext4", "erofs", "format/mkdir/overlay"),
                told.stream().map(SnapshotMount::type).toList());
        assertEquals(SECTORS_BYTES, Files.size(Path.of(told.getFirst().source())));
        MountedSnapshot.shell(directory, "e2fsck -fn " + told.getFirst().source());
        assertTrue(told.get(2).options().contains("lowerdir={{ mount 1 }}"), told.toString());
        Path mounted = Files.createDirectories(directory.resolve("mounted"));
        MountedSnapshot.shell(
                directory,
                "mount -t erofs -o ro,loop " + told.get(1).source() + " mounted; cmp mounted/d/f f; umount mounted");
        assertTrue(Files.exists(mounted));
        Refused unread = assertThrows(Refused.class, () -> daemon.commit("written", "kata-rs"));
        assertEquals(GrpcStatus.FAILED_PRECONDITION, unread.status());
    }

    @Test
    void runtimeRsWithVerityGetsSidecarsThatVeritysetupAgreesWith() throws Exception {
        List<SnapshotMount> told = prepare("kata-rs-verity", Map.of());
        assertEquals(
                List.of("erofs", "erofs", "format/overlay"),
                told.stream().map(SnapshotMount::type).toList());
        for (SnapshotMount mount : told.subList(0, 2)) {
            String option = mount.options().stream()
                    .filter(word -> word.startsWith("X-containerd.dmverity="))
                    .findFirst()
                    .orElseThrow();
            Path sidecar = Path.of(option.substring(option.indexOf('=') + 1));
            JsonObject says = JsonParser.parse(sidecar.toString(), Files.readAllBytes(sidecar))
                    .object();
            long offset = says.required("hashoffset").integer(0, Long.MAX_VALUE);
            MountedSnapshot.shell(
                    directory,
                    "veritysetup verify --no-superblock --hash-block-size 4096 --data-block-size 4096 --salt "
                            + "0".repeat(64)
                            + " --data-blocks " + offset / 4096 + " --hash-offset " + offset + " " + mount.source()
                            + " "
                            + mount.source() + " " + says.required("roothash").string());
        }
    }

    @Test
    void kataGoFindsItsFilesBehindMounts() throws Exception {
        List<SnapshotMount> told = prepare("kata-go", Map.of(ScratchSize.MAX_SIZE, SIZE));
        assertEquals(1, told.size());
        SnapshotMount overlay = told.getFirst();
        assertEquals("overlay", overlay.type());
        String lower = option(overlay, "lowerdir=");
        assertTrue(file(lower).endsWith("/layer.erofs"), file(lower));
        assertEquals(-1, Files.mismatch(Path.of(lower, "d/f"), directory.resolve("f")));
        Path upper = Path.of(option(overlay, "upperdir="));
        assertTrue(file(upper.getParent().toString()).endsWith("/rwlayer.img"), upper.toString());
        Files.writeString(upper.resolve("written"), "x");
        daemon.remove("kata-go");
        assertEquals(List.of(), daemon.mountsBelow());
    }

    /** The file that is mounted, by itself or by a loop device. */
    private String file(String mountPoint) throws IOException, InterruptedException {
        return MountedSnapshot.shell(
                        directory,
                        "source=$(findmnt -no SOURCE " + mountPoint + "); case $source in"
                                + " /dev/loop*) losetup -nO BACK-FILE $source ;; *) echo $source ;; esac")
                .strip();
    }

    private static String option(SnapshotMount mount, String name) {
        return mount.options().stream()
                .filter(word -> word.startsWith(name))
                .map(word -> word.substring(name.length()))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void hcsshimGetsALayerAndAScratchOfExactlyTheLabelsSize() throws Exception {
        List<SnapshotMount> told = prepare("hcs-lcow", Map.of(ScratchSize.ROOTFS_BYTES, SIZE));
        SnapshotMount mount = told.getFirst();
        HcsMount.LcowLayer layer =
                (HcsMount.LcowLayer) HcsMount.parse(new RootfsMount(mount.type(), mount.source(), "", mount.options()));
        Path vhdx = Path.of(layer.scratchDirectory(), "sandbox.vhdx");
        JsonObject info = JsonParser.parse(
                        "qemu-img",
                        MountedSnapshot.shell(directory, "qemu-img info --output=json " + vhdx)
                                .getBytes(StandardCharsets.UTF_8))
                .object();
        assertEquals(SECTORS_BYTES, info.required("virtual-size").integer(0, Long.MAX_VALUE));
        Path vhd = Path.of(layer.parents().getFirst(), "layer.vhd");
        Files.createDirectories(directory.resolve("mounted"));
        MountedSnapshot.shell(
                directory, "mount -t ext4 -o ro,loop,noload " + vhd + " mounted; cmp mounted/d/f f; umount mounted");
    }

    @Test
    void aGuestThatPullsGetsTheReference() throws Exception {
        SnapshotMount told = prepare("guest-pull", Map.of("containerd.io/snapshot/cri.image-ref", "registry.local/a:1"))
                .getFirst();
        assertEquals(
                "registry.local/a:1",
                KataVirtualVolume.read(told.options().getFirst()).source());
        Refused unnamed = assertThrows(
                Refused.class, () -> daemon.prepare("other", "base", Map.of(RuntimeMounts.LABEL, "guest-pull")));
        assertEquals(GrpcStatus.INVALID_ARGUMENT, unnamed.status());
    }

    @Test
    void theSettingSaysWhatNoLabelSays() throws Exception {
        Refused unknown = assertThrows(
                Refused.class, () -> daemon.prepare("other", "base", Map.of(RuntimeMounts.LABEL, "firecracker")));
        assertEquals(GrpcStatus.INVALID_ARGUMENT, unknown.status());
        assertEquals("erofs", daemon.prepare("plain", "base").getFirst().type());
        daemon.remove("plain");
        daemon.close();
        ContentDirectory content = new ContentDirectory(directory.resolve("c-root"));
        daemon = TestDaemon.start(
                directory, content.configuration().with("way", "vm").with("runtime", "hcs-lcow"));
        assertEquals("lcow-layer", daemon.prepare("lcow", "base").getFirst().type());
    }
}
