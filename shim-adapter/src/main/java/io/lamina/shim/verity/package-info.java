/** dm-verity's superblock, and files that have image, superblock and hash tree one behind the other. */
@NullMarked
package io.lamina.shim.verity;

import org.jspecify.annotations.NullMarked;
