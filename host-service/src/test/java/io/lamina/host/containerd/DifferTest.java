package io.lamina.host.containerd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.host.containerd.TestDaemon.Refused;
import io.lamina.host.store.Store;
import io.lamina.host.store.StoreCheck;
import io.lamina.host.store.StoreRoot;
import io.lamina.images.oci.Digest;
import io.lamina.linux.testing.Machine;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DifferTest {
    @TempDir
    private Path directory;

    private ContentDirectory content = new ContentDirectory(Path.of("/"));
    private TestDaemon daemon;
    private byte[] tar = {};

    @BeforeEach
    void start() throws Exception {
        Machine.needsRoot();
        Machine.needsFileSystem("overlay");
        Machine.needsFileSystem("erofs");
        content = new ContentDirectory(directory.resolve("c-root"));
        daemon = TestDaemon.start(directory, content.configuration());
        tar = ContentDirectory.tar(directory, "mkdir d; head -c 70000 /dev/urandom > d/f; ln -s f d/l");
    }

    @AfterEach
    void stop() throws IOException {
        if (daemon != null) {
            daemon.close();
        }
    }

    @Test
    void theAnswerIsTheDiffIdHoweverALayerIsStored() throws Exception {
        String diffId = Digest.ofContent(tar).toString();
        assertEquals(diffId, apply("extract-1", ContentDirectory.TAR, content.add(tar)));
        assertEquals(diffId, apply("extract-2", ContentDirectory.GZIP, content.add(ContentDirectory.gzip(tar))));
        assertEquals(2, daemon.status().getCountersMap().get("lamina.conversions"));
        assertEquals(
                diffId,
                apply("default/12/extract-3 x", ContentDirectory.GZIP, content.add(ContentDirectory.gzip(tar))));
        assertEquals(2, daemon.status().getCountersMap().get("lamina.conversions"));
        assertEquals(1, daemon.status().getBlobs());
    }

    private String apply(String key, String mediaType, Digest digest) {
        return daemon.apply(daemon.prepare(key, ""), mediaType, digest.toString());
    }

    @Test
    void anErofsImageIsTakenAsItIsAndItsDiffIdIsItsOwn() throws Exception {
        Machine.needsRoot();
        Machine.needsFileSystem("erofs");
        Machine.needsProgram("mkfs.erofs", "zstd");
        MountedSnapshot.shell(
                directory,
                "mkdir -p tree/d; head -c 70000 /dev/urandom > tree/d/f; ln -s f tree/d/l; seq 1 90000 > tree/text;"
                        + " mkfs.erofs --quiet -zlz4 plain.erofs tree;"
                        // Fragments cannot be pointed to, so this one is to become a copy.
                        + " mkfs.erofs --quiet -zlz4 -Efragments packed.erofs tree;"
                        + " zstd -q plain.erofs -o plain.zst");
        byte[] plain = Files.readAllBytes(directory.resolve("plain.erofs"));
        byte[] packed = Files.readAllBytes(directory.resolve("packed.erofs"));
        String erofs = "application/vnd.erofs.layer.v1";
        assertEquals(Digest.ofContent(plain).toString(), apply("extract-1", erofs, content.add(plain)));
        assertEquals(
                Digest.ofContent(plain).toString(),
                apply("extract-2", erofs + "+zstd", content.add(Files.readAllBytes(directory.resolve("plain.zst")))));
        assertEquals(1, daemon.status().getBlobs());
        assertEquals(Digest.ofContent(packed).toString(), apply("extract-3", erofs, content.add(packed)));
        daemon.commit("plain", "extract-1");
        daemon.commit("packed", "extract-3");
        for (String name : List.of("plain", "packed")) {
            String merged = daemon.view("view-" + name, name).getFirst().source();
            MountedSnapshot.shell(directory, "diff -r --no-dereference tree " + merged);
        }
        byte[] broken = plain.clone();
        broken[1024] ^= 1;
        assertEquals(
                GrpcStatus.DATA_LOSS,
                assertThrows(Refused.class, () -> apply("extract-4", erofs, content.add(broken)))
                        .status());
        assertUnimplemented(
                () -> daemon.apply(daemon.prepare("extract-5", ""), erofs + "+x", "sha256:" + "0".repeat(64)));
    }

    @Test
    void whatIsNotOursIsLeftToOthers() throws Exception {
        Digest layer = content.add(tar);
        List<SnapshotMount> foreign = List.of(new SnapshotMount("bind", "/var/lib/elsewhere/fs", List.of("rw")));
        assertUnimplemented(() -> daemon.apply(foreign, ContentDirectory.TAR, layer.toString()));
        assertUnimplemented(() -> daemon.apply(List.of(), ContentDirectory.TAR, layer.toString()));
        List<SnapshotMount> ordinary = daemon.prepare("k", "");
        assertUnimplemented(() -> daemon.apply(ordinary, ContentDirectory.TAR, layer.toString()));
        assertUnimplemented(() ->
                daemon.apply(daemon.prepare("extract-1", ""), ContentDirectory.TAR + "+encrypted", layer.toString()));
    }

    @Test
    void aLayerThatIsLeftToOthersShowsThemWhatLiesBelow() throws Exception {
        apply("extract-1", ContentDirectory.TAR, content.add(tar));
        daemon.commit("base", "extract-1");
        List<SnapshotMount> mounts = daemon.prepare("extract-2", "base");
        Path lower = Path.of(mounts.getFirst().options().stream()
                .filter(option -> option.startsWith("lowerdir="))
                .findFirst()
                .orElseThrow()
                .substring("lowerdir=".length()));
        assertFalse(Files.exists(lower.resolve("d/f")));
        assertUnimplemented(() -> daemon.apply(
                mounts,
                ContentDirectory.TAR + "+encrypted",
                Digest.ofContent(tar).toString()));
        assertTrue(Files.exists(lower.resolve("d/f")));
        Files.writeString(Path.of(mounts.getFirst().upper().orElseThrow()).resolve("new"), "by another");
        daemon.commit("top", "extract-2");
        try (MountedSnapshot mounted = MountedSnapshot.of(daemon.view("v", "top"), directory)) {
            assertTrue(Files.exists(mounted.path().resolve("d/f")));
            assertTrue(Files.exists(mounted.path().resolve("new")));
        }
    }

    @Test
    void anotherDiffersLayerThatSawNothingBelowIsRefused() throws Exception {
        apply("extract-1", ContentDirectory.TAR, content.add(tar));
        daemon.commit("base", "extract-1");
        List<SnapshotMount> mounts = daemon.prepare("extract-2", "base");
        Files.writeString(Path.of(mounts.getFirst().upper().orElseThrow()).resolve("new"), "blind");
        Refused refused = assertThrows(Refused.class, () -> daemon.commit("top", "extract-2"));
        assertEquals(GrpcStatus.FAILED_PRECONDITION, refused.status());
    }

    @Test
    void aBrokenLayerLeavesNothing() throws Exception {
        byte[] torn = ContentDirectory.gzip(tar);
        torn[torn.length / 2] ^= 4;
        Digest digest = content.add(torn);
        assertEquals(
                GrpcStatus.DATA_LOSS,
                assertThrows(Refused.class, () -> apply("extract-1", ContentDirectory.GZIP, digest))
                        .status());
        assertEquals(0, daemon.status().getBlobs());
        try (var staged = Files.list(daemon.root().resolve("staging"))) {
            assertEquals(List.of(), staged.toList());
        }
    }

    @Test
    void aFlippedByteIsFoundNamedPutAsideAndMadeGoodByTheNextPull() throws Exception {
        Digest stored = content.add(ContentDirectory.gzip(tar));
        apply("extract-1", ContentDirectory.GZIP, stored);
        Path blob;
        try (var blobs = Files.list(daemon.root().resolve("blobs"))) {
            blob = blobs.findFirst().orElseThrow().resolve("layer.erofs");
        }
        byte[] before = Files.readAllBytes(blob);
        try (RandomAccessFile file = new RandomAccessFile(blob.toFile(), "rw")) {
            file.seek(40_000);
            int old = file.read();
            file.seek(40_000);
            file.write(old ^ 1);
        }
        try (Store store = Store.openBeside(StoreRoot.in(daemon.root()))) {
            assertEquals(List.of(), StoreCheck.check(store, false, _ -> {}).problems());
            StoreCheck.Findings findings = StoreCheck.check(store, true, _ -> {});
            assertEquals(1, findings.problems().size());
            assertTrue(findings.problems().getFirst().contains("block 9 "), findings.problems()::toString);
            StoreCheck.quarantine(store, findings);
        }
        assertTrue(Files.exists(daemon.root().resolve("quarantine")));
        apply("extract-2", ContentDirectory.GZIP, stored);
        daemon.commit("c", "extract-2");
        assertEquals(-1, Arrays.mismatch(before, Files.readAllBytes(blob)));
    }

    @Test
    void whoUsesASnapshotKeepsItUntilHeEnds() throws Exception {
        daemon.prepare("k", "");
        Process owner = new ProcessBuilder("sleep", "1000").start();
        try {
            daemon.attach("k", owner.pid());
            assertEquals(
                    GrpcStatus.FAILED_PRECONDITION,
                    assertThrows(Refused.class, () -> daemon.remove("k")).status());
            assertTrue(daemon.wordsOfRemoving("k").contains("process " + owner.pid()));
        } finally {
            owner.destroyForcibly();
            owner.waitFor();
        }
        for (int i = 0; i < 200 && daemon.status().getAttachments() > 0; i++) {
            Thread.sleep(50);
        }
        assertEquals(0, daemon.status().getAttachments());
        daemon.remove("k");
        assertEquals(
                GrpcStatus.INVALID_ARGUMENT,
                assertThrows(Refused.class, () -> daemon.attach("k", owner.pid()))
                        .status());
    }

    @Test
    void sizesAreReadExactlyAndRefusedByLabel() throws Exception {
        assertEquals(
                20_000_001, ScratchSize.of(Map.of(ScratchSize.ROOTFS_BYTES, "20000001", ScratchSize.ROOTFS_GB, "7")));
        assertEquals(7L << 30, ScratchSize.of(Map.of(ScratchSize.ROOTFS_GB, "7", ScratchSize.MAX_SIZE, "1")));
        assertEquals(0, ScratchSize.of(Map.of("x", "y")));
        for (String wrong : List.of("", "-1", "5G", "1000", "99999999999999999999")) {
            Refused refused = assertThrows(
                    Refused.class, () -> daemon.prepare("k", "", Map.of(ScratchSize.MAX_SIZE, wrong)), wrong);
            assertEquals(GrpcStatus.INVALID_ARGUMENT, refused.status());
        }
        // A directory of this host has no bound; the label is no wish.
        Map<String, String> bound = Map.of(ScratchSize.MAX_SIZE, "20000001");
        Refused unbounded = assertThrows(Refused.class, () -> daemon.prepare("k", "", bound));
        assertEquals(GrpcStatus.INVALID_ARGUMENT, unbounded.status());
        assertEquals(List.of(), daemon.list());
        Map<String, String> machine = Map.of(ScratchSize.MAX_SIZE, "20000001", Snapshotter.WAY_LABEL, "vm");
        assertEquals("bind", daemon.prepare("k", "", machine).getFirst().type());
    }

    @Test
    void aMachinesDeviceIsDescribedAndMountedNowhere() throws Exception {
        apply("extract-1", ContentDirectory.TAR, content.add(tar));
        daemon.commit("base", "extract-1");
        SnapshotMount mount = daemon.prepare("vm", "base", Map.of(Snapshotter.WAY_LABEL, "vm"))
                .getFirst();
        assertEquals("erofs", mount.type());
        assertEquals(
                1,
                mount.options().stream()
                        .filter(option -> option.startsWith("device="))
                        .count());
        assertEquals(List.of(), daemon.mountsBelow());
        assertEquals(List.of(mount), daemon.mounts("vm"));
        assertThrows(Refused.class, () -> daemon.prepare("x", "base", Map.of(Snapshotter.WAY_LABEL, "boat")));
    }

    private static void assertUnimplemented(Runnable call) {
        assertEquals(
                GrpcStatus.UNIMPLEMENTED, assertThrows(Refused.class, call::run).status());
    }
}
