/** The flattened device: fsmeta, layers and hash tree as one linear address space made of extents. */
@NullMarked
package io.lamina.images.device;

import org.jspecify.annotations.NullMarked;
