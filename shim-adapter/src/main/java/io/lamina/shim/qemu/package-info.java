/** Command lines of QEMU for a machine that consumes a flattened device. */
@NullMarked
package io.lamina.shim.qemu;

import org.jspecify.annotations.NullMarked;
