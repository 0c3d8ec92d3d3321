/**
 * {@code lamina run}: from an image reference to the exit status of a command in a virtual machine. Everything a run
 * starts hangs on this process: descriptors and children, no path and no socket name, so that nothing stays behind
 * however it ends.
 */
@NullMarked
package io.lamina.host.run;

import org.jspecify.annotations.NullMarked;
