package io.lamina.images.erofs;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Objects;
import java.util.zip.GZIPInputStream;

/** Images that mkfs.erofs 1.9.4 has made of two trees, see the README beside them. */
public final class ForeignVectors {
    /** The uncompressed one. */
    public static final String PLAIN = "plain";

    /** The uncompressed one of the tree with wide directories. */
    public static final String WIDE = "wide";

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
            "lzma-large-extents",
            "wide-lz4-directories",
            "wide-lz4-directories-512",
            "wide-48bit",
            "wide-48bit-lz4",
            "wide-48bit-zstd",
            "wide-48bit-clusters",
            "wide-48bit-fragments",
            "wide-metabox",
            "wide-metabox-directories",
            "wide-metabox-fragments");

    private ForeignVectors() {}

    /** The uncompressed form of the same tree. */
    public static String plainOf(String form) {
        return form.startsWith(WIDE) ? WIDE : PLAIN;
    }

    /** The bytes of one. */
    public static byte[] read(String name) throws IOException {
        try (InputStream stored = Objects.requireNonNull(
                        ForeignVectors.class.getResourceAsStream("vectors/" + name + ".erofs.gz"), name);
                GZIPInputStream bytes = new GZIPInputStream(stored)) {
            return bytes.readAllBytes();
        }
    }
}
