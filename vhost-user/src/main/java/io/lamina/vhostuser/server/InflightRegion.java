package io.lamina.vhostuser.server;

import io.lamina.linux.Memfd;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.SystemCallException;
import io.lamina.vhostuser.memory.SharedRegion;
import io.lamina.vhostuser.protocol.Request.InflightDescription;
import io.lamina.vhostuser.protocol.VhostUserException;
import io.lamina.vhostuser.virtqueue.InflightLog;
import io.lamina.vhostuser.virtqueue.PackedInflightLog;
import io.lamina.vhostuser.virtqueue.Virtqueue;
import java.lang.foreign.MemorySegment;

/**
 * The region in which a connection keeps what its rings have under way, with a part for each ring.
 *
 * @param partBytes what each ring has of it
 */
record InflightRegion(SharedRegion memory, long partBytes) implements AutoCloseable {
    /** A part for a ring of any kind and of the largest size. */
    private static final long PART_BYTES =
            Math.max(InflightLog.bytes(Virtqueue.MAX_SIZE), PackedInflightLog.bytes(Virtqueue.MAX_SIZE));

    /**
     * What a front-end asks for with {@code GET_INFLIGHT_FD}: the size that is needed. There is room for rings of the
     * largest size, whatever size it names: QEMU 10.0.13 names its property {@code queue-size}, 128, and then lets a
     * guest set up a ring of 1024.
     */
    static InflightDescription describe(InflightDescription wanted) throws VhostUserException {
        check(wanted);
        return new InflightDescription(PART_BYTES * wanted.queues(), 0, wanted.queues(), wanted.queueSize());
    }

    /** The file for {@link #describe}: zeroes, and nobody can make it smaller. */
    static OwnedFd create(InflightDescription description) throws SystemCallException {
        OwnedFd fd = Memfd.create("vhost-user-inflight", description.mmapSizeBytes());
        try {
            Memfd.seal(fd, Memfd.F_SEAL_SHRINK | Memfd.F_SEAL_GROW | Memfd.F_SEAL_SEAL);
            return fd;
        } catch (SystemCallException failure) {
            fd.close();
            throw failure;
        }
    }

    /** What a front-end hands over with {@code SET_INFLIGHT_FD}: made by this back-end or by one before it. */
    static InflightRegion map(InflightDescription given, OwnedFd fd, boolean allowUnsealed)
            throws VhostUserException, SystemCallException {
        check(given);
        if (given.mmapSizeBytes() < InflightLog.bytes(given.queueSize()) * given.queues()) {
            throw new VhostUserException("inflight region of " + given.mmapSizeBytes() + " bytes for " + given.queues()
                    + " rings of " + given.queueSize());
        }
        SharedRegion memory =
                SharedRegion.map("inflight region", fd, given.mmapOffsetBytes(), given.mmapSizeBytes(), allowUnsealed);
        boolean ours = given.mmapSizeBytes() == PART_BYTES * given.queues();
        return new InflightRegion(memory, ours ? PART_BYTES : InflightLog.bytes(given.queueSize()));
    }

    /** The part of one split ring. */
    InflightLog log(int index, int size) throws VhostUserException {
        return new InflightLog(part(index, InflightLog.bytes(size)), size);
    }

    /** The part of one packed ring. */
    PackedInflightLog packedLog(int index, int size) throws VhostUserException {
        return new PackedInflightLog(part(index, PackedInflightLog.bytes(size)), size);
    }

    private MemorySegment part(int index, long neededBytes) throws VhostUserException {
        if (neededBytes > partBytes || partBytes > memory.bytes().byteSize() - index * partBytes) {
            throw new VhostUserException("ring " + index + ", which needs " + neededBytes
                    + " bytes, has no place in an inflight region of "
                    + memory.bytes().byteSize() + " bytes in parts of " + partBytes);
        }
        return memory.bytes().asSlice(index * partBytes, partBytes);
    }

    @Override
    public void close() {
        memory.close();
    }

    private static void check(InflightDescription description) throws VhostUserException {
        int queues = description.queues();
        int size = description.queueSize();
        if (queues < 1 || queues > ServedDevice.MAX_QUEUES || size < 1 || size > Virtqueue.MAX_SIZE) {
            throw new VhostUserException("inflight region for " + queues + " rings of " + size);
        }
    }
}
