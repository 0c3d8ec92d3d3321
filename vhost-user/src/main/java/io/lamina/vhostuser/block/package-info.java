/**
 * The block device: what is on it ({@link io.lamina.vhostuser.block.BlockDevice}), how it describes itself, and how a
 * request of the guest is carried out. Section 5.2 of the
 * <a href="https://docs.oasis-open.org/virtio/virtio/v1.3/virtio-v1.3.html">virtio 1.3 specification</a>.
 */
@NullMarked
package io.lamina.vhostuser.block;

import org.jspecify.annotations.NullMarked;
