package io.lamina.vhostuser.server;

import io.lamina.linux.OwnedFd;
import io.lamina.vhostuser.memory.DirtyLog;
import io.lamina.vhostuser.memory.GuestMemory;
import io.lamina.vhostuser.memory.MemoryRegion;
import io.lamina.vhostuser.memory.SharedRegion;
import io.lamina.vhostuser.protocol.ReceivedFds;
import io.lamina.vhostuser.protocol.Request.InflightDescription;
import io.lamina.vhostuser.protocol.Request.RegionDescription;
import io.lamina.vhostuser.protocol.VhostUserException;
import io.lamina.vhostuser.virtqueue.VirtioFeatures;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one connection shares with its front-end and all its rings use: features, guest memory, inflight region, dirty
 * log. Memory that is taken away must not be in use any more.
 */
final class GuestView {
    private final boolean allowUnsealed;
    private final Unmapper unmapper;
    private final GuestMemory memory = new GuestMemory();
    private long features;
    private @Nullable InflightRegion inflight;
    private @Nullable SharedRegion logRegion;
    private @Nullable DirtyLog log;

    GuestView(boolean allowUnsealed, Unmapper unmapper) {
        this.allowUnsealed = allowUnsealed;
        this.unmapper = unmapper;
    }

    GuestMemory memory() {
        return memory;
    }

    /** What the driver has accepted. */
    long features() {
        return features;
    }

    void setFeatures(long accepted) {
        features = accepted;
    }

    /** Where rings note what they have under way; null when the front-end keeps no such region. */
    @Nullable
    InflightRegion inflight() {
        return inflight;
    }

    /** Where writes into guest memory are marked; null unless a migration is under way. */
    @Nullable
    DirtyLog dirtyLog() {
        return (features & VirtioFeatures.VHOST_LOG_ALL) != 0 ? log : null;
    }

    /** Maps the regions of {@code SET_MEM_TABLE}, or one, without adding them yet. */
    List<MemoryRegion> map(List<RegionDescription> regions, ReceivedFds fds) throws IOException {
        if (regions.size() != fds.count()) {
            throw new VhostUserException(regions.size() + " memory regions with " + fds.count() + " descriptors");
        }
        List<MemoryRegion> mapped = new ArrayList<>();
        try {
            for (int i = 0; i < regions.size(); i++) {
                try (OwnedFd file = fds.take(i)) {
                    mapped.add(MemoryRegion.map(regions.get(i), file, allowUnsealed));
                }
            }
        } catch (IOException failure) {
            unmapper.close(mapped);
            throw failure;
        }
        return mapped;
    }

    /** Adds mapped regions, or gives up those that do not fit. */
    void add(List<MemoryRegion> mapped) throws VhostUserException {
        for (int i = 0; i < mapped.size(); i++) {
            try {
                memory.add(mapped.get(i));
            } catch (VhostUserException refused) {
                unmapper.close(mapped.subList(i, mapped.size()));
                throw refused;
            }
        }
    }

    void remove(RegionDescription region) throws VhostUserException {
        unmapper.close(List.of(memory.remove(region)));
    }

    void removeAll() {
        unmapper.close(memory.removeAll());
    }

    InflightRegion mapInflight(InflightDescription given, ReceivedFds fds) throws IOException {
        try (OwnedFd fd = fds.take(0)) {
            return InflightRegion.map(given, fd, allowUnsealed);
        }
    }

    void setInflight(InflightRegion region) {
        if (inflight != null) {
            unmapper.close(List.of(inflight));
        }
        inflight = region;
    }

    /** Takes a new dirty log over; the one before is used by nobody, since rings ask for it each time. */
    void setLog(long sizeBytes, long offsetBytes, ReceivedFds fds) throws IOException {
        SharedRegion region;
        try (OwnedFd fd = fds.take(0)) {
            region = SharedRegion.map("dirty log", fd, offsetBytes, sizeBytes, allowUnsealed);
        }
        if (logRegion != null) {
            unmapper.close(List.of(logRegion));
        }
        logRegion = region;
        log = new DirtyLog(region.bytes());
    }

    /** Gives everything up, and calls back. */
    void close(Runnable done) {
        List<AutoCloseable> held = new ArrayList<>(memory.removeAll());
        if (inflight != null) {
            held.add(inflight);
            inflight = null;
        }
        if (logRegion != null) {
            held.add(logRegion);
            logRegion = null;
            log = null;
        }
        unmapper.close(held, done);
    }
}
