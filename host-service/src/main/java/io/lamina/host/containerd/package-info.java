/** containerd's snapshotter and differ, over Lamina's store. */
@NullMarked
package io.lamina.host.containerd;

import org.jspecify.annotations.NullMarked;
