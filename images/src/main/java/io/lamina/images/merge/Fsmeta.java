package io.lamina.images.merge;

import java.util.List;

/**
 * What a merge has made.
 *
 * @param blockSizeBytes of fsmeta and of all layers
 * @param blocks of fsmeta, padding included
 * @param inodes in the merged tree
 * @param layers base first, as they were given
 */
public record Fsmeta(int blockSizeBytes, long blocks, long inodes, List<MappedLayer> layers) {
    /** Keeps a copy of the list. */
    public Fsmeta {
        layers = List.copyOf(layers);
    }
}
