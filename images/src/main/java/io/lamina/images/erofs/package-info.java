/**
 * The EROFS on-disk format: one reader, one writer, and one class per structure that alone knows its offsets.
 * Every number on disk is little endian. The layout is that of Linux 6.18, fs/erofs/erofs_fs.h; images use what kernels
 * from 6.4 on read.
 *
 * <p>Reading: {@link io.lamina.images.erofs.ErofsImage}, which trusts no byte. Writing: a tree of
 * {@link io.lamina.images.erofs.TreeInode}s whose data blocks are already placed goes through
 * {@link io.lamina.images.erofs.MetadataLayout} and {@link io.lamina.images.erofs.MetadataWriter} into a
 * {@link io.lamina.images.erofs.BlobOutput}.
 */
@NullMarked
package io.lamina.images.erofs;

import org.jspecify.annotations.NullMarked;
