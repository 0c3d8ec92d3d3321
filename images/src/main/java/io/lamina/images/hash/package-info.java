/** SHA-256, as fast as the machine has it from the first byte on. */
@NullMarked
package io.lamina.images.hash;

import org.jspecify.annotations.NullMarked;
