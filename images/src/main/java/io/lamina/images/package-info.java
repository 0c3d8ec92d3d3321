/**
 * Everything about images, and nothing about virtual machines, remote calls or where bytes are kept. The packages below
 * use {@link io.lamina.images.CorruptImageException} for bytes that break a rule of their format and
 * {@link io.lamina.images.UnsupportedImageException} for bytes that keep the rules but that we do not read.
 */
@NullMarked
package io.lamina.images;

import org.jspecify.annotations.NullMarked;
