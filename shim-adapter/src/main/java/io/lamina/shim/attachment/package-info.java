/** The contract between service and shims: all that one needs to know to use a device, in one versioned message. */
@NullMarked
package io.lamina.shim.attachment;

import org.jspecify.annotations.NullMarked;
