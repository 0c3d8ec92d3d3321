/**
 * Layers: from the tar of an OCI layer to a layer blob, an EROFS image with the data in front and the metadata behind.
 *
 * <p>{@link io.lamina.images.layer.LayerConverter} reads the tar once, from front to back: {@link
 * io.lamina.images.layer.TarReader} gives the entries, {@link io.lamina.images.layer.FileDataWriter} lets their data out
 * as it comes, {@link io.lamina.images.layer.LayerTree} keeps names and attributes until the end.
 */
@NullMarked
package io.lamina.images.layer;

import org.jspecify.annotations.NullMarked;
