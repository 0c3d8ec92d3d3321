/** Which way to a machine works on this host, why, and what to change. */
@NullMarked
package io.lamina.shim.doctor;

import org.jspecify.annotations.NullMarked;
