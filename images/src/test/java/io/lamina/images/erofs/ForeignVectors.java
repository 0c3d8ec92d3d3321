package io.lamina.images.erofs;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Objects;
import java.util.zip.GZIPInputStream;

/** Images that mkfs.erofs 1.9.4 has made of one tree, see the README beside them. */
public final class ForeignVectors {
    /** The uncompressed one. */
    public static final String PLAIN = "plain";

    /** All others. */
    public static final List<String> FORMS = List.of(
            "plain-prefixes",
            "lz4-full-index",
            "lz4-all-fragments",
            "lz4-tail-packed",
            "lz4-deduplicated-512",
            "deflate",
            "deflate-tail-packed-deduplicated",
            "zstd",
            "zstd-large-extents",
            "zstd-fragments-prefixes",
            "lzma",
            "lzma-large-extents");

    private ForeignVectors() {}

    /** The bytes of one. */
    public static byte[] read(String name) throws IOException {
        try (InputStream stored = Objects.requireNonNull(
                        ForeignVectors.class.getResourceAsStream("vectors/" + name + ".erofs.gz"), name);
                GZIPInputStream bytes = new GZIPInputStream(stored)) {
            return bytes.readAllBytes();
        }
    }
}
