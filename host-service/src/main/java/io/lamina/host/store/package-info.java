/**
 * Where layer blobs are kept. A blob is written once: built in {@code staging/}, made durable, then renamed into
 * {@code blobs/}, so that after a crash at any instant what is in {@code blobs/} is whole and the rest is swept.
 */
@NullMarked
package io.lamina.host.store;

import org.jspecify.annotations.NullMarked;
