/** Mounts as containerd hands them to shims. */
@NullMarked
package io.lamina.shim.mount;

import org.jspecify.annotations.NullMarked;
