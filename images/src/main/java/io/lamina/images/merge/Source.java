package io.lamina.images.merge;

import io.lamina.images.erofs.Inode;

/**
 * A directory of one layer that a merged directory is made of.
 *
 * @param layer whose directory it is
 * @param directory its inode there
 * @param opaque whether it hides the directories of lower layers
 */
record Source(MergeLayer layer, Inode directory, boolean opaque) {}
