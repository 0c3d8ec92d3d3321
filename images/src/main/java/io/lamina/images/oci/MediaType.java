package io.lamina.images.oci;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.json.JsonValue;

/** Media types of images (OCI image-spec v1.1.1, media-types.md) and the older ones of Docker that mean the same. */
public final class MediaType {
    /** An image manifest. */
    public static final String OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

    /** An image index. */
    public static final String OCI_INDEX = "application/vnd.oci.image.index.v1+json";

    /** An image configuration. */
    public static final String OCI_CONFIG = "application/vnd.oci.image.config.v1+json";

    /** A layer as a tar, not compressed. */
    public static final String OCI_LAYER_TAR = "application/vnd.oci.image.layer.v1.tar";

    static final String OCI_LAYER_GZIP = OCI_LAYER_TAR + "+gzip";
    static final String OCI_LAYER_ZSTD = OCI_LAYER_TAR + "+zstd";

    /** A layer that is an EROFS image (containerd v2.1, core/images/mediatypes.go). */
    static final String EROFS_LAYER = "application/vnd.erofs.layer.v1";

    /** The same in Zstandard. */
    public static final String EROFS_LAYER_ZSTD = EROFS_LAYER + "+zstd";

    /** Docker's manifest, schema 2. */
    public static final String DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

    /** Docker's list of manifests. */
    public static final String DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

    private static final String DOCKER_LAYER_TAR = "application/vnd.docker.image.rootfs.diff.tar";
    private static final String DOCKER_LAYER_GZIP = DOCKER_LAYER_TAR + ".gzip";
    private static final String DOCKER_LAYER_ZSTD = DOCKER_LAYER_TAR + ".zstd";

    private MediaType() {}

    /** Whether it is an image manifest. */
    public static boolean isManifest(String mediaType) {
        return mediaType.equals(OCI_MANIFEST) || mediaType.equals(DOCKER_MANIFEST);
    }

    /** Whether it is an index of manifests. */
    public static boolean isIndex(String mediaType) {
        return mediaType.equals(OCI_INDEX) || mediaType.equals(DOCKER_LIST);
    }

    /** Whether a layer of this media type is an EROFS image, no tar. */
    public static boolean isErofs(String mediaType) {
        return mediaType.equals(EROFS_LAYER) || mediaType.equals(EROFS_LAYER_ZSTD);
    }

    /** How a layer of this media type is compressed. */
    static Compression compression(String what, String mediaType) throws UnsupportedImageException {
        return switch (mediaType) {
            case OCI_LAYER_TAR, DOCKER_LAYER_TAR, EROFS_LAYER -> Compression.NONE;
            case OCI_LAYER_GZIP, DOCKER_LAYER_GZIP -> Compression.GZIP;
            case OCI_LAYER_ZSTD, DOCKER_LAYER_ZSTD, EROFS_LAYER_ZSTD -> Compression.ZSTD;
            default ->
                throw new UnsupportedImageException(
                        what,
                        "the layer media type " + JsonValue.printable(mediaType) + "; tar, tar+gzip, tar+zstd and "
                                + EROFS_LAYER + " are read");
        };
    }
}
