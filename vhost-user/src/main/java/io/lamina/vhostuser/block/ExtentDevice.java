package io.lamina.vhostuser.block;

import io.lamina.linux.Errno;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.PositionedIo;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A read-only device made of extents; what lies between them reads as zeroes. Data goes from the page cache into the
 * buffers with one copy, by {@code preadv2}. Files are never mapped: a fault on a page that a stalled disk holds back
 * would stop every thread of the process at its next safepoint.
 */
public final class ExtentDevice implements BlockDevice {
    private static final Extent.Source ZEROES = new Extent.Source.Zeroes();

    private final DeviceDescription description;
    private final AutoCloseable resources;

    /** The extents without gaps from 0 to the size: {@code starts[i]} to {@code starts[i + 1]} comes from {@code sources[i]}. */
    private final long[] starts;

    private final Extent.Source[] sources;

    /**
     * @param extents in any order, without overlap, inside the device
     * @param resources closed with the device: the files it reads
     */
    public ExtentDevice(DeviceDescription description, List<Extent> extents, AutoCloseable resources) {
        this.description = description;
        this.resources = resources;
        List<Extent> ordered = new ArrayList<>(extents);
        ordered.sort((a, b) -> Long.compare(a.startBytes(), b.startBytes()));
        List<Long> runStarts = new ArrayList<>();
        List<Extent.Source> runSources = new ArrayList<>();
        long end = 0;
        for (Extent extent : ordered) {
            if (extent.startBytes() < end || extent.endBytes() > description.sizeBytes()) {
                throw new IllegalArgumentException("extent at " + extent.startBytes() + " of " + extent.lengthBytes()
                        + " bytes overlaps another one or ends beyond the device's " + description.sizeBytes());
            }
            if (extent.startBytes() > end) {
                runStarts.add(end);
                runSources.add(ZEROES);
            }
            runStarts.add(extent.startBytes());
            runSources.add(extent.source());
            end = extent.endBytes();
        }
        if (end < description.sizeBytes()) {
            runStarts.add(end);
            runSources.add(ZEROES);
        }
        runStarts.add(description.sizeBytes());
        starts = runStarts.stream().mapToLong(Long::longValue).toArray();
        sources = runSources.toArray(new Extent.Source[0]);
    }

    @Override
    public DeviceDescription description() {
        return description;
    }

    @Override
    public long read(long offsetBytes, long lengthBytes, BufferCursor into, IoContext context) {
        int run = find(offsetBytes);
        long inRun = offsetBytes - starts[run];
        long length = Math.min(lengthBytes, starts[run + 1] - offsetBytes);
        return switch (sources[run]) {
            case Extent.Source.InFile(OwnedFd fd, long fileOffset) ->
                readFile(fd, fileOffset + inRun, length, into, context);
            case Extent.Source.InMemory(MemorySegment memory, long memoryOffset) -> {
                into.copyFrom(memory, memoryOffset + inRun, length);
                yield length;
            }
            case Extent.Source.Zeroes _ -> {
                into.zero(length);
                yield length;
            }
        };
    }

    @Override
    public void close() {
        try {
            resources.close();
        } catch (Exception failure) {
            throw new IllegalStateException("closing the files of a device", failure);
        }
    }

    private static long readFile(
            OwnedFd fd, long fileOffsetBytes, long lengthBytes, BufferCursor into, IoContext context) {
        into.gather(context.vectors(), lengthBytes);
        int flags = context.mayBlock() ? 0 : PositionedIo.RWF_NOWAIT;
        long bytes = context.io().preadv2(fd, context.vectors(), fileOffsetBytes, flags);
        if (bytes == 0) {
            into.zero(lengthBytes);
            return lengthBytes;
        }
        // A file system that cannot say whether it would wait is asked again where waiting is allowed.
        return bytes == -Errno.EOPNOTSUPP && !context.mayBlock() ? WOULD_BLOCK : bytes;
    }

    /** The run that holds an offset, by binary search: a device has a few runs per layer. */
    private int find(long offsetBytes) {
        int low = 0;
        int high = sources.length - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (starts[middle] <= offsetBytes) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }
}
