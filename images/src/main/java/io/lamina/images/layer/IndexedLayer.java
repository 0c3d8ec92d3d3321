package io.lamina.images.layer;

import io.lamina.images.oci.Digest;

/**
 * What an indexing has made: metadata in blocks of 512 bytes, whose data is the untouched tar.
 *
 * @param diffId digest of the uncompressed tar
 * @param indexBlocks of the index, padding included
 * @param tarBlocks of the tar, a partial last one included
 * @param inodes in the index
 */
public record IndexedLayer(Digest diffId, long indexBlocks, long tarBlocks, long inodes) {
    /** The block size of every index, that of a tar. */
    public static final int BLOCK_SIZE_BYTES = 512;
}
