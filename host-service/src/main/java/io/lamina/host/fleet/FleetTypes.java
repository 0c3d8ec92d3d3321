package io.lamina.host.fleet;

/** Names of what is published beside an image, each a referrer of the image's manifest. */
final class FleetTypes {
    /** An image manifest like the original's, its layers being EROFS images. */
    static final String NATIVE_IMAGE = "application/vnd.lamina.native-image.v1";

    /** The same with layers that are not compressed, under the media type that containerd 2.1 to 2.2 know. */
    static final String PLAIN_IMAGE = "application/vnd.lamina.plain-image.v1";

    /**
     * What containerd 2.1 takes for a layer (prefix, core/images/mediatypes.go) and for an EROFS image (suffix, and none
     * of compression; plugins/diff/erofs/differ_linux.go).
     */
    static final String PLAIN_LAYER = "application/vnd.oci.image.layer.v1.erofs";

    /** A manifest of fsmeta and level-0 hashes. */
    static final String PROOF = "application/vnd.lamina.proof.v1";

    /** A manifest of one signed statement (secure-systems-lab/dsse, the media type that it registers). */
    static final String STATEMENT = "application/vnd.dsse.envelope.v1+json";

    /** fsmeta, in frames like those of a layer. */
    static final String FSMETA = "application/vnd.lamina.fsmeta.v1+zstd";

    /** Level-0 hashes of a part of the device, 32 bytes for each block of 4096. */
    static final String LEAVES = "application/vnd.lamina.leaves.v1";

    /** The config of a manifest that needs none (OCI image-spec v1.1.1, manifest.md). */
    static final String EMPTY = "application/vnd.oci.empty.v1+json";

    /** On a layer of a native image: the diffID of the layer that it was made of. */
    static final String DIFF_ID = "io.lamina.diff-id";

    /** On a layer of a native image: dm-verity's root hash over the blob. */
    static final String VERITY_ROOT = "io.lamina.verity-root";

    private FleetTypes() {}
}
