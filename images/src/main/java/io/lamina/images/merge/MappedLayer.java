package io.lamina.images.merge;

/**
 * Where a layer blob lies in the flattened device.
 *
 * @param uniaddrBlock its first block
 * @param blocks its size as its superblock tells it, or that of the tar of a tar-index; a gap may follow
 */
public record MappedLayer(long uniaddrBlock, long blocks) {
    /** The first block behind the layer. */
    public long endBlock() {
        return uniaddrBlock + blocks;
    }
}
