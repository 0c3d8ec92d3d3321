package io.lamina.vhostuser.server;

import io.lamina.vhostuser.block.BlockConfig;
import io.lamina.vhostuser.virtqueue.VirtioFeatures;

/**
 * What every connection of one device shares.
 *
 * @param config the device's configuration space
 * @param features the feature bits on offer
 */
record DeviceContext(
        ServedDevice served,
        EventLoop loop,
        SlowLane slowLane,
        SlowLane.Client slowClient,
        BlockConfig config,
        long features) {
    private static final long TRANSPORT_FEATURES = VirtioFeatures.VERSION_1
            | VirtioFeatures.VHOST_LOG_ALL
            | VirtioFeatures.ACCESS_PLATFORM
            | VirtioFeatures.RING_EVENT_IDX
            | VirtioFeatures.RING_INDIRECT_DESC
            | VirtioFeatures.RING_PACKED
            | VirtioFeatures.VHOST_PROTOCOL_FEATURES;

    static DeviceContext of(ServedDevice served, EventLoop loop, SlowLane slowLane) {
        return new DeviceContext(
                served,
                loop,
                slowLane,
                new SlowLane.Client(served.device()),
                new BlockConfig(served.device().description(), served.queues()),
                BlockConfig.features(served.device().description()) | TRANSPORT_FEATURES);
    }
}
