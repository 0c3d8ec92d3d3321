package io.lamina.vhostuser.virtqueue;

/** Feature bits that belong to no device in particular: section 6 of virtio 1.3, and two that vhost-user adds. */
public final class VirtioFeatures {
    /** vhost: writes into guest memory are marked in the dirty log. */
    public static final long VHOST_LOG_ALL = 1L << 26;

    public static final long RING_INDIRECT_DESC = 1L << 28;
    public static final long RING_EVENT_IDX = 1L << 29;

    /** vhost-user: there are protocol features to negotiate. */
    public static final long VHOST_PROTOCOL_FEATURES = 1L << 30;

    public static final long VERSION_1 = 1L << 32;
    public static final long ACCESS_PLATFORM = 1L << 33;
    public static final long RING_PACKED = 1L << 34;

    private VirtioFeatures() {}
}
