/**
 * The agent inside a virtual machine: it proves an image against keys of its own, mounts it and runs a command in it.
 * The host is not trusted here. What may be run is decided by {@link io.lamina.guest.MeasuredPolicy}, which comes from the
 * guest's own initramfs, and by nothing that the host says or attaches afterwards.
 */
@NullMarked
package io.lamina.guest;

import org.jspecify.annotations.NullMarked;
