/** A read-only ext4 image of a merged tree, for guests that know no EROFS. */
@NullMarked
package io.lamina.shim.ext4;

import org.jspecify.annotations.NullMarked;
