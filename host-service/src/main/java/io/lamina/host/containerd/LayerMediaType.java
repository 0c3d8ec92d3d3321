package io.lamina.host.containerd;

import com.github.luben.zstd.ZstdOutputStreamNoFinalizer;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;

/** How layers are stored that we read and write, by the media types of OCI (image-spec v1.1) and Docker. */
enum LayerMediaType {
    TAR("application/vnd.oci.image.layer.v1.tar"),
    GZIP("application/vnd.oci.image.layer.v1.tar+gzip"),
    ZSTD("application/vnd.oci.image.layer.v1.tar+zstd"),

    /** An EROFS image, compressed or not; only read (containerd v2.1, core/images/mediatypes.go). */
    EROFS("application/vnd.erofs.layer.v1");

    private static final int BUFFER_BYTES = 64 << 10;
    private static final int ZSTD_LEVEL = 3;

    private final String name;

    LayerMediaType(String name) {
        this.name = name;
    }

    /** OCI's name. */
    String mediaType() {
        return name;
    }

    /** The form of layers of this media type; empty where it is none of ours. */
    static Optional<LayerMediaType> of(String mediaType) {
        return switch (mediaType) {
            case "application/vnd.oci.image.layer.v1.tar",
                    "application/vnd.oci.image.layer.nondistributable.v1.tar",
                    "application/vnd.docker.image.rootfs.diff.tar" -> Optional.of(TAR);
            case "application/vnd.oci.image.layer.v1.tar+gzip",
                    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                    "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" -> Optional.of(GZIP);
            case "application/vnd.oci.image.layer.v1.tar+zstd",
                    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
                    "application/vnd.docker.image.rootfs.diff.tar.zstd" -> Optional.of(ZSTD);
            case "application/vnd.erofs.layer.v1", "application/vnd.erofs.layer.v1+zstd" -> Optional.of(EROFS);
            default -> Optional.empty();
        };
    }

    /** Compresses to {@code out}, the same bytes each time; closing ends the compressed form and leaves {@code out} open. */
    OutputStream compressing(OutputStream out) throws IOException {
        OutputStream kept = new FilterOutputStream(out) {
            @Override
            public void write(byte[] source, int offset, int length) throws IOException {
                out.write(source, offset, length);
            }

            @Override
            public void close() throws IOException {
                flush();
            }
        };
        return switch (this) {
            case TAR, EROFS -> kept;
            case GZIP -> new GZIPOutputStream(kept, BUFFER_BYTES);
            case ZSTD -> new ZstdOutputStreamNoFinalizer(kept, ZSTD_LEVEL).setChecksum(true);
        };
    }
}
