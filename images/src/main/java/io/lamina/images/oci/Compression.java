package io.lamina.images.oci;

/** How a layer's tar is stored. */
public enum Compression {
    /** As it is. */
    NONE,
    /** gzip (RFC 1952), of one member or more. */
    GZIP,
    /** Zstandard (RFC 8878), of one frame or more. */
    ZSTD;

    /** So many first bytes tell one from the other. */
    static final int MAGIC_BYTES = 4;

    /** What the first bytes say, for archives that name no media type; a tar never starts like the other two. */
    static Compression ofFirstBytes(byte[] bytes) {
        if (bytes.length >= 2 && (bytes[0] & 0xff) == 0x1f && (bytes[1] & 0xff) == 0x8b) {
            return GZIP;
        }
        boolean zstd = bytes.length >= 4
                && (bytes[0] & 0xff) == 0x28
                && (bytes[1] & 0xff) == 0xb5
                && bytes[2] == 0x2f
                && (bytes[3] & 0xff) == 0xfd;
        return zstd ? ZSTD : NONE;
    }

    /** The OCI media type of a layer stored so. */
    String layerMediaType() {
        return switch (this) {
            case NONE -> MediaType.OCI_LAYER_TAR;
            case GZIP -> MediaType.OCI_LAYER_GZIP;
            case ZSTD -> MediaType.OCI_LAYER_ZSTD;
        };
    }
}
