/**
 * Merging: an ordered list of layer blobs becomes one fsmeta, an EROFS image of metadata only whose files lie in the
 * blobs. The tree is the one that overlayfs shows over the same layers, implied directories apart: those take the
 * attributes of the lower layer's directory.
 */
@NullMarked
package io.lamina.images.merge;

import org.jspecify.annotations.NullMarked;
