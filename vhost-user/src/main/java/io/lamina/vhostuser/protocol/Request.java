package io.lamina.vhostuser.protocol;

import java.util.List;

/**
 * A request of the front-end, its fields as they came: an unsigned 32-bit field is a {@code long} or an index that the
 * decoder bounds; nothing else is checked yet. Descriptors travel beside it in {@link Message}.
 */
public sealed interface Request {
    record GetFeatures() implements Request {}

    record SetFeatures(long features) implements Request {}

    record SetOwner() implements Request {}

    record ResetOwner() implements Request {}

    /** The whole memory of the guest, one descriptor per region. */
    record SetMemTable(List<RegionDescription> regions) implements Request {
        public SetMemTable {
            regions = List.copyOf(regions);
        }
    }

    record SetLogBase(long sizeBytes, long offsetBytes) implements Request {}

    record SetLogFd() implements Request {}

    /** The ring's size in descriptors. */
    record SetVringNum(long index, long num) implements Request {}

    record SetVringAddr(long index, VringAddresses addresses) implements Request {}

    /** Where the ring goes on: an available index (split) or both positions with their wrap counters (packed). */
    record SetVringBase(long index, long num) implements Request {}

    record GetVringBase(long index) implements Request {}

    /** The ring wakes the device by the descriptor that comes along, or the device polls ({@code hasFd} false). */
    record SetVringKick(int index, boolean hasFd) implements Request {}

    /** The device wakes the driver by the descriptor that comes along, or never ({@code hasFd} false). */
    record SetVringCall(int index, boolean hasFd) implements Request {}

    /** The device says by the descriptor that comes along that the ring is broken. */
    record SetVringErr(int index, boolean hasFd) implements Request {}

    record GetProtocolFeatures() implements Request {}

    record SetProtocolFeatures(long features) implements Request {}

    record GetQueueNum() implements Request {}

    record SetVringEnable(long index, boolean enable) implements Request {}

    /** The channel on which a back-end may speak unasked. */
    record SetBackendReqFd() implements Request {}

    /** A message of a virtual IOMMU. */
    record IotlbMsg() implements Request {}

    /** A part of the device's configuration space; offset and size are unsigned 32-bit numbers. */
    record GetConfig(long offset, long sizeBytes, long flags) implements Request {}

    record SetConfig(long offset, long sizeBytes, long flags) implements Request {}

    record GetInflightFd(InflightDescription description) implements Request {}

    record SetInflightFd(InflightDescription description) implements Request {}

    record ResetDevice() implements Request {}

    record GetMaxMemSlots() implements Request {}

    record AddMemReg(RegionDescription region) implements Request {}

    record RemMemReg(RegionDescription region) implements Request {}

    record SetStatus(long status) implements Request {}

    record GetStatus() implements Request {}

    /** A request that this version does not know. */
    record Unknown(int code) implements Request {}

    /**
     * A region of guest memory.
     *
     * @param guestAddress where the guest sees it, an unsigned address ({@code gpa})
     * @param sizeBytes unsigned
     * @param userAddress where the front-end sees it, an unsigned address ({@code uaddr})
     * @param mmapOffsetBytes where it starts in the descriptor's file, unsigned
     */
    record RegionDescription(long guestAddress, long sizeBytes, long userAddress, long mmapOffsetBytes) {}

    /**
     * Where a ring lies; descriptor table, available and used ring are addresses of the front-end, the log address is
     * one of the guest.
     *
     * @param logged writes to the used ring are marked in the dirty log from {@code log} on
     */
    record VringAddresses(boolean logged, long descriptor, long used, long available, long log) {}

    /** The region in which a back-end keeps which requests it has taken; sizes in bytes. */
    record InflightDescription(long mmapSizeBytes, long mmapOffsetBytes, int queues, int queueSize) {}
}
