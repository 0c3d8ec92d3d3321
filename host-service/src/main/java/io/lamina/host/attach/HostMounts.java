package io.lamina.host.attach;

import io.lamina.host.store.BlobName;
import io.lamina.host.store.FsmetaStore.StoredFsmeta;
import io.lamina.host.store.RefusedException;
import io.lamina.host.store.SnapshotDirectories;
import io.lamina.host.store.Store;
import io.lamina.linux.Mount;
import io.lamina.linux.MountTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The flattened devices that this host has mounted, one each however many snapshots lie on it, at {@code mnt/N}. They
 * outlive the daemon, as containers do; its next start finds them. Any thread may call.
 */
public final class HostMounts {
    private final Store store;
    private final HostMountMethod method;
    private final Set<Long> mounted = ConcurrentHashMap.newKeySet();
    private final Map<Long, Object> turns = new ConcurrentHashMap<>();

    public HostMounts(Store store, HostMountMethod method) {
        this.store = store;
        this.method = method;
    }

    /** How devices are mounted here. */
    public HostMountMethod method() {
        return method;
    }

    /** How many are mounted. */
    public int count() {
        return mounted.size();
    }

    /** Finds the mounts of a daemon before, and takes away what no row explains. */
    public void recover() throws IOException {
        Set<Long> wanted = Set.copyOf(store.fsmetas().mounted());
        Path unpacks = store.root().state().resolve("snapshots");
        for (MountTable.Entry entry : MountTable.read().reversed()) {
            Path target = Path.of(entry.target());
            if (target.startsWith(store.root().mounts())) {
                Long id = SnapshotDirectories.numberIn(store.root().mounts(), entry.target())
                        .filter(wanted::contains)
                        .orElse(null);
                if (id != null && entry.type().equals("erofs") && mounted.add(id)) {
                    continue;
                }
                Mount.unmount(entry.target(), Mount.MNT_DETACH);
            } else if (target.startsWith(unpacks)) {
                Mount.unmount(entry.target(), Mount.MNT_DETACH);
            }
        }
        try (var entries = Files.list(store.root().mounts())) {
            for (Path entry : entries.toList()) {
                boolean kept = SnapshotDirectories.numberIn(store.root().mounts(), entry.toString())
                        .filter(mounted::contains)
                        .isPresent();
                if (!kept) {
                    Files.deleteIfExists(entry);
                }
            }
        }
    }

    /** Where a device is, or will be, mounted. */
    public Path place(long fsmeta) {
        return store.root().mounts().resolve(Long.toString(fsmeta));
    }

    /** Whose mount {@code path} is, as a client was told it. */
    public Optional<Long> fsmetaAt(String path) {
        return SnapshotDirectories.numberIn(store.root().mounts(), path);
    }

    /** Mounts the device of {@code fsmeta} if it is not. A row must say already that a snapshot lies on it. */
    public Path ensure(long fsmeta) throws IOException {
        Path place = place(fsmeta);
        synchronized (turn(fsmeta)) {
            if (mounted.contains(fsmeta)) {
                return place;
            }
            if (method == HostMountMethod.NONE) {
                throw new RefusedException(
                        RefusedException.Reason.FAILED_PRECONDITION,
                        "this daemon cannot mount EROFS here: it needs CAP_SYS_ADMIN and a kernel with EROFS; or use the way \"vm\"");
            }
            StoredFsmeta stored = store.fsmetas().get(fsmeta);
            List<Path> devices = new ArrayList<>();
            for (BlobName layer : stored.layers()) {
                devices.add(store.layers().here(layer).blob());
            }
            Files.createDirectories(place);
            method.mount(stored.image(), devices, place);
            mounted.add(fsmeta);
            return place;
        }
    }

    /** Unmounts the device of {@code fsmeta} if no snapshot lies on it any more. What uses the mount keeps it. */
    public void release(long fsmeta) throws IOException {
        synchronized (turn(fsmeta)) {
            if (mounted.contains(fsmeta) && !store.fsmetas().isMounted(fsmeta)) {
                Mount.unmount(place(fsmeta).toString(), Mount.MNT_DETACH);
                mounted.remove(fsmeta);
                Files.deleteIfExists(place(fsmeta));
            }
        }
    }

    /** One of few objects, so that two of the same number never meet and no list of them grows. */
    private Object turn(long fsmeta) {
        return turns.computeIfAbsent(fsmeta % 64, _ -> new Object());
    }
}
