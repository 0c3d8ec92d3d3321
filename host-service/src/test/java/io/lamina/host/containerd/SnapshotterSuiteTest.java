package io.lamina.host.containerd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Timestamp;
import io.lamina.host.containerd.TestDaemon.Refused;
import io.lamina.linux.testing.Machine;
import io.lamina.wire.snapshots.Info;
import io.lamina.wire.snapshots.Kind;
import io.lamina.wire.snapshots.UpdateSnapshotRequest;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What containerd asks of every snapshotter (its core/snapshots/testsuite has the behaviours), over gRPC and through real
 * mounts. What a stack of layers must look like is told by a plain directory in which the same commands were run.
 */
class SnapshotterSuiteTest {
    @TempDir
    private Path directory;

    private TestDaemon daemon;

    @BeforeEach
    void start() throws IOException {
        Machine.needsRoot();
        Machine.needsFileSystem("overlay");
        Machine.needsFileSystem("erofs");
        Machine.needsProgram("getfattr");
        daemon = TestDaemon.start(directory);
    }

    @AfterEach
    void nothingIsLeftMounted() throws IOException {
        if (daemon == null) {
            return;
        }
        try (TestDaemon ending = daemon) {
            for (Info info : daemon.list().reversed()) {
                daemon.remove(info.getName());
            }
            daemon.cleanup();
            assertEquals(List.of(), ending.mountsBelow());
            try (var left = Files.list(daemon.root().resolve("snapshots"))) {
                assertEquals(List.of(), left.toList());
            }
        }
    }

    record Stack(String name, List<String> scripts) {
        @Override
        public String toString() {
            return name;
        }
    }

    static List<Stack> stacks() {
        return List.of(
                new Stack(
                        "basic",
                        List.of("echo a > a; mkdir -p b/c; echo d > b/c/d", "echo e > b/e; rm a; echo a2 > a")),
                new Stack("empty layer", List.of("", "echo x > x", "")),
                new Stack(
                        "a file updated",
                        List.of(
                                "mkdir -p etc root; echo 10 > etc/hosts; printf '#!' > etc/profile; chmod 644 etc/profile; mkdir -m 755 foo; touch foo/f",
                                "echo 11 > etc/hosts; chmod 600 etc/profile; echo more >> etc/profile",
                                "rm foo/f; echo 12 > etc/hosts")),
                new Stack(
                        "a directory removed in a lower layer",
                        List.of(
                                "mkdir -p dir1; echo 1 > dir1/f",
                                "rm -r dir1; mkdir dir1; echo 2 > dir1/g",
                                "echo 3 > dir1/h")),
                new Stack(
                        "owners changed",
                        List.of(
                                "mkdir -p opt/a/b; touch opt/a/b/f; ln -s f opt/a/b/l",
                                "chown -R 1:1 opt; chown -h 5:6 opt/a/b/l",
                                "chown 2:3 opt; chmod 4755 opt/a/b/f")),
                new Stack(
                        "permissions of directories",
                        List.of(
                                "mkdir -m 700 dir1; mkdir -m 711 dir2; mkdir -m 755 -p dir3/deep; touch dir1/a dir2/a dir3/deep/a; chown 1:1 dir2",
                                "chmod 777 dir1; rm -r dir2; mkdir -m 700 dir2; chown 5:5 dir3")),
                new Stack(
                        "deleted in a child",
                        List.of(
                                "mkdir a; touch a/1 a/2 a/3 b; ln b c",
                                "rm a/1 b",
                                "rm -r a",
                                "mkdir a; touch a/9; rm c")),
                new Stack(
                        "moved from a lower layer",
                        List.of(
                                "mkdir -p dir1 dir2; echo a > dir1/f1; echo b > dir1/f2; mkdir dir3; echo c > dir3/x",
                                "mv dir1/f1 dir2/f1; mv dir1/f2 dir1/f3; mv dir3 dir4",
                                "ln dir2/f1 hard; mv dir4/x dir1")),
                new Stack(
                        "all kinds of files",
                        List.of(
                                "mkfifo p; mknod c c 1 3; mknod b b 7 9; ln -s /nowhere s; printf x > 'a name\\with'; setfattr -n user.k -v v 'a name\\with'; truncate -s 5M sparse",
                                "rm p c; mkdir p; touch p/c; ln -sf elsewhere s; setfattr -x user.k 'a name\\with'")));
    }

    @ParameterizedTest
    @MethodSource("stacks")
    void aStackOfLayersLooksLikeAPlainDirectory(Stack stack) throws Exception {
        checkStack(stack.scripts);
    }

    @Test
    void a128LayersDeepStackIsWhole() throws Exception {
        List<String> scripts = new ArrayList<>();
        for (int i = 0; i < 128; i++) {
            scripts.add("echo " + i + " > bottom; mkdir dir-" + i + "; echo x" + i + " > dir-" + i + "/f"
                    + (i > 2 ? "; rm -r dir-" + (i - 2) : ""));
        }
        checkStack(scripts);
    }

    /** Each layer on the one before; compared through an active snapshot and, at the end, a view. */
    private void checkStack(List<String> scripts) throws Exception {
        Path plain = Files.createDirectory(directory.resolve("plain"));
        MountedSnapshot.shell(plain, "chmod 755 .");
        String parent = "";
        for (int i = 0; i < scripts.size(); i++) {
            String key = "active " + i;
            try (MountedSnapshot mounted = MountedSnapshot.of(daemon.prepare(key, parent), directory)) {
                assertEquals(
                        MountedSnapshot.listing(plain), MountedSnapshot.listing(mounted.path()), "below layer " + i);
                MountedSnapshot.shell(mounted.path(), scripts.get(i));
                MountedSnapshot.shell(plain, scripts.get(i));
                assertEquals(MountedSnapshot.listing(plain), MountedSnapshot.listing(mounted.path()), "in layer " + i);
            }
            parent = "layer/" + i + " x";
            daemon.commit(parent, key);
        }
        try (MountedSnapshot mounted = MountedSnapshot.of(daemon.view("view", parent), directory)) {
            assertEquals(MountedSnapshot.listing(plain), MountedSnapshot.listing(mounted.path()));
        }
    }

    @Test
    void snapshotsAreWhatStatSays() throws Exception {
        Instant before = Instant.now();
        daemon.prepare("k", "", Map.of("containerd.io/snapshot.ref", "r"));
        Instant after = Instant.now();
        Info active = daemon.stat("k");
        assertEquals(Kind.ACTIVE, active.getKind());
        assertEquals("", active.getParent());
        assertEquals(active.getCreatedAt(), active.getUpdatedAt());
        assertTrue(!instant(active.getCreatedAt()).isBefore(before)
                && !instant(active.getCreatedAt()).isAfter(after));

        daemon.commit("c", "k", "", Map.of("containerd.io/snapshot/x", "y"));
        Info committed = daemon.stat("c");
        assertEquals(Kind.COMMITTED, committed.getKind());
        assertEquals(Map.of("containerd.io/snapshot/x", "y"), committed.getLabelsMap());
        assertFalse(instant(committed.getCreatedAt()).isBefore(after));
        assertRefused(GrpcStatus.NOT_FOUND, () -> daemon.stat("k"));
        assertTrue(daemon.usage("c").getSize() > 0);

        daemon.view("v", "c");
        assertEquals(Kind.VIEW, daemon.stat("v").getKind());
        assertEquals("c", daemon.stat("v").getParent());
        daemon.prepare("k", "c");
        daemon.commit("c2", "k");
        assertEquals("c", daemon.stat("c2").getParent());
    }

    @Test
    void keysAndNamesAreTakenOnceAndFreeAgainWhenRemoved() {
        daemon.prepare("k", "");
        daemon.view("v", "");
        assertRefused(GrpcStatus.ALREADY_EXISTS, () -> daemon.prepare("k", ""));
        assertRefused(GrpcStatus.ALREADY_EXISTS, () -> daemon.view("k", ""));
        assertRefused(GrpcStatus.ALREADY_EXISTS, () -> daemon.prepare("v", ""));
        assertRefused(GrpcStatus.ALREADY_EXISTS, () -> daemon.commit("v", "k"));
        daemon.commit("c", "k");
        assertRefused(GrpcStatus.ALREADY_EXISTS, () -> daemon.view("c", ""));

        for (int i = 0; i < 3; i++) {
            daemon.prepare("again", i % 2 == 0 ? "" : "c");
            daemon.remove("again");
            daemon.view("again", i % 2 == 0 ? "" : "c");
            daemon.remove("again");
        }
        daemon.remove("c");
        daemon.prepare("k", "");
        daemon.commit("c", "k");
    }

    @Test
    void whatMakesNoSenseIsRefusedWithItsCode() {
        daemon.prepare("k", "");
        assertRefused(GrpcStatus.NOT_FOUND, () -> daemon.prepare("x", "nothing"));
        assertRefused(GrpcStatus.INVALID_ARGUMENT, () -> daemon.prepare("x", "k"));
        assertRefused(GrpcStatus.NOT_FOUND, () -> daemon.mounts("nothing"));
        assertRefused(GrpcStatus.NOT_FOUND, () -> daemon.commit("n", "nothing"));
        assertRefused(GrpcStatus.NOT_FOUND, () -> daemon.usage("nothing"));
        daemon.remove("nothing");
        daemon.commit("c", "k");
        assertRefused(GrpcStatus.FAILED_PRECONDITION, () -> daemon.mounts("c"));
        assertRefused(GrpcStatus.FAILED_PRECONDITION, () -> daemon.commit("d", "c"));
        daemon.view("v", "c");
        assertRefused(GrpcStatus.FAILED_PRECONDITION, () -> daemon.commit("d", "v"));
        assertRefused(GrpcStatus.INVALID_ARGUMENT, () -> daemon.prepare("", "c"));
        assertRefused(GrpcStatus.FAILED_PRECONDITION, () -> daemon.remove("c"));
        assertEquals("cannot remove snapshot c with child v", daemon.wordsOfRemoving("c"));
        assertEquals(
                List.of("c", "v"), daemon.list().stream().map(Info::getName).toList());
    }

    @Test
    void aCommitMayBringAParent() {
        daemon.prepare("a", "");
        daemon.commit("base", "a");
        daemon.prepare("b", "");
        daemon.commit("other", "b");
        daemon.prepare("k", "");
        daemon.prepare("open", "");
        assertRefused(GrpcStatus.NOT_FOUND, () -> daemon.commit("x", "k", "nothing", Map.of()));
        assertRefused(GrpcStatus.FAILED_PRECONDITION, () -> daemon.commit("x", "k", "open", Map.of()));
        daemon.commit("x", "k", "base", Map.of());
        assertEquals("base", daemon.stat("x").getParent());
        daemon.prepare("k", "base");
        assertRefused(GrpcStatus.INVALID_ARGUMENT, () -> daemon.commit("y", "k", "other", Map.of()));
        daemon.commit("y", "k", "base", Map.of());
    }

    @Test
    void labelsAreUpdatedByTheirMasks() throws Exception {
        daemon.prepare("k", "", Map.of("a", "1", "b.c/d", "2"));
        Timestamp created = daemon.stat("k").getCreatedAt();

        Info one = update("k", Map.of("b.c/d", "3", "z", "9"), "labels.b.c/d");
        assertEquals(Map.of("a", "1", "b.c/d", "3"), one.getLabelsMap());
        assertEquals(created, one.getCreatedAt());
        assertTrue(instant(one.getUpdatedAt()).isAfter(instant(created)));
        assertEquals(Map.of("b.c/d", "3"), update("k", Map.of(), "labels.a").getLabelsMap());
        assertEquals(Map.of("q", "1"), update("k", Map.of("q", "1"), "labels").getLabelsMap());
        assertEquals(Map.of("r", "1"), update("k", Map.of("r", "1")).getLabelsMap());
        assertRefused(GrpcStatus.INVALID_ARGUMENT, () -> update("k", Map.of(), "parent"));
        assertRefused(GrpcStatus.INVALID_ARGUMENT, () -> update("k", Map.of(), "labels.r", "name"));
        assertRefused(GrpcStatus.NOT_FOUND, () -> update("nothing", Map.of()));
        assertEquals(Map.of("r", "1"), daemon.stat("k").getLabelsMap());
    }

    @Test
    void filtersChoose() {
        daemon.prepare("a", "", Map.of("containerd.io/snapshot.ref", "sha256:0a"));
        daemon.commit("base", "a", "", Map.of("containerd.io/snapshot.ref", "sha256:0a", "l", "1"));
        daemon.prepare("act", "base", Map.of("l", "2"));
        daemon.view("vw", "base");
        assertEquals(Set.of("base"), names("name==base"));
        assertEquals(Set.of("act", "vw"), names("parent==base"));
        assertEquals(Set.of("act", "vw"), names("parent!=\"\""));
        assertEquals(Set.of("base"), names("parent==\"\""));
        assertEquals(Set.of("act"), names("kind==active"));
        assertEquals(Set.of("vw", "base"), names("kind==view", "kind==committed"));
        assertEquals(Set.of("base", "act"), names("labels.l"));
        assertEquals(Set.of("act"), names("labels.l==2,kind==active"));
        assertEquals(Set.of("base"), names("labels.\"containerd.io/snapshot.ref\"==sha256:0a,parent==\"\""));
        assertEquals(Set.of("base", "act"), names("name~=\"^(ba|ac)\""));
        assertEquals(Set.of("base", "act", "vw"), names());
        assertRefused(GrpcStatus.INVALID_ARGUMENT, () -> names("name=base"));
    }

    @Test
    void thingsInTheMiddleGoInOrder() {
        daemon.prepare("1", "");
        daemon.commit("base", "1");
        daemon.prepare("2", "base");
        daemon.commit("middle", "2");
        daemon.prepare("3", "middle");
        assertRefused(GrpcStatus.FAILED_PRECONDITION, () -> daemon.remove("base"));
        assertRefused(GrpcStatus.FAILED_PRECONDITION, () -> daemon.remove("middle"));
        daemon.remove("3");
        daemon.remove("middle");
        daemon.remove("base");
    }

    @Test
    void aViewCannotBeWrittenAndAFreshRootIsForEverybodyToRead() throws Exception {
        List<SnapshotMount> fresh = daemon.prepare("k", "");
        try (MountedSnapshot mounted = MountedSnapshot.of(fresh, directory)) {
            assertEquals(0755, (int) Files.getAttribute(mounted.path(), "unix:mode") & 07777);
            Files.writeString(mounted.path().resolve("f"), "x");
        }
        daemon.commit("c", "k");
        for (String parent : List.of("c", "")) {
            try (MountedSnapshot mounted = MountedSnapshot.of(daemon.view("v" + parent, parent), directory)) {
                assertThrows(
                        FileSystemException.class,
                        () -> Files.writeString(mounted.path().resolve("g"), "y"));
            }
        }
        try (MountedSnapshot mounted = MountedSnapshot.of(daemon.prepare("k2", "c"), directory)) {
            assertEquals(0755, (int) Files.getAttribute(mounted.path(), "unix:mode") & 07777);
        }
    }

    @Test
    void mountsNeverChange() throws Exception {
        daemon.prepare("1", "");
        daemon.commit("base", "1");
        List<SnapshotMount> first = daemon.prepare("k", "base");
        assertEquals(first, daemon.mounts("k"));
        daemon.prepare("2", "base");
        daemon.commit("top", "2");
        daemon.view("v", "top");
        daemon.remove("v");
        assertEquals(first, daemon.mounts("k"));
        assertTrue(first.getFirst().options().stream()
                .filter(o -> o.startsWith("lowerdir="))
                .noneMatch(o -> o.contains(":")));
    }

    @Test
    void manyMoreThanOneMessageHoldsAreListed() {
        Set<String> keys = new TreeSet<>();
        for (int i = 0; i < 250; i++) {
            daemon.prepare("k" + i, "", Map.of("containerd.io/snapshot/filler", "x".repeat(4000)));
            keys.add("k" + i);
        }
        assertEquals(keys, names());
        for (Info info : daemon.list()) {
            assertEquals(info, daemon.stat(info.getName()));
        }
    }

    @Test
    void whatNoLayerCanSayIsNamedWhenItIsCommitted() throws Exception {
        try (MountedSnapshot mounted = MountedSnapshot.of(daemon.prepare("k", ""), directory)) {
            Files.writeString(mounted.path().resolve(".wh.x"), "");
        }
        assertRefused(GrpcStatus.INVALID_ARGUMENT, () -> daemon.commit("c", "k"));
        assertEquals(Kind.ACTIVE, daemon.stat("k").getKind());
    }

    private Set<String> names(String... filters) {
        return daemon.list(filters).stream().map(Info::getName).collect(Collectors.toCollection(TreeSet::new));
    }

    private Info update(String key, Map<String, String> labels, String... paths) {
        UpdateSnapshotRequest.Builder request = UpdateSnapshotRequest.newBuilder()
                .setInfo(Info.newBuilder().setName(key).putAllLabels(labels));
        if (paths.length > 0) {
            request.setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(paths)));
        }
        return daemon.update(request.build());
    }

    private static Refused assertRefused(GrpcStatus status, Runnable call) {
        Refused refused = assertThrows(Refused.class, call::run);
        assertEquals(status, refused.status(), refused::getMessage);
        return refused;
    }

    private static Instant instant(Timestamp time) {
        return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
    }
}
