/**
 * The truth that the image engine is held against: trees as the kernel and other tools make them, listed entry by
 * entry, and random layer stacks with a model of what applying them gives.
 *
 * <p>Paths and names are strings with one character per raw byte (ISO 8859-1), relative to the tree's root, which is
 * the empty string. So they sort by unsigned byte and lose nothing.
 */
package io.lamina.images.oracle;
