/** Command lines of Cloud Hypervisor for a machine that consumes a served device. */
@NullMarked
package io.lamina.shim.cloudhypervisor;

import org.jspecify.annotations.NullMarked;
