/**
 * Virtqueues seen from the device: which chains of buffers the driver makes available, and how they are given back.
 * Section 2.7 of the <a href="https://docs.oasis-open.org/virtio/virtio/v1.3/virtio-v1.3.html">virtio 1.3
 * specification</a>.
 */
@NullMarked
package io.lamina.vhostuser.virtqueue;

import org.jspecify.annotations.NullMarked;
