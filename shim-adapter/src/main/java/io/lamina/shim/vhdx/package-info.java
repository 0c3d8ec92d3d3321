/** Disks in Microsoft's VHDX format, as Hyper-V takes them. */
@NullMarked
package io.lamina.shim.vhdx;

import org.jspecify.annotations.NullMarked;
