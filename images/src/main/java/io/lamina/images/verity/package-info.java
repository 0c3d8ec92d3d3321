/** dm-verity's Merkle tree, composed from the leaves that each layer blob keeps (kernel: Documentation/admin-guide/device-mapper/verity.rst). */
@NullMarked
package io.lamina.images.verity;

import org.jspecify.annotations.NullMarked;
