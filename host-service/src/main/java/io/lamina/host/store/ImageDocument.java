package io.lamina.host.store;

import io.lamina.images.oci.Digest;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A small document of an image, byte for byte as it came: digests and signatures are over these bytes. */
public final class ImageDocument {
    /** There is none. */
    public static final ImageDocument NONE = new ImageDocument(new byte[0]);

    private final byte[] content;

    private ImageDocument(byte[] content) {
        this.content = content;
    }

    /** Keeps a copy of {@code content}. */
    public static ImageDocument of(byte[] content) {
        return new ImageDocument(content.clone());
    }

    /** A copy of its bytes. */
    public byte[] bytes() {
        return content.clone();
    }

    /** Length in bytes; 0 where there is none. */
    public int sizeBytes() {
        return content.length;
    }

    /** Digest of its bytes. */
    public Digest digest() {
        return Digest.ofContent(content);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ImageDocument document && Arrays.equals(content, document.content);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(content);
    }

    @Override
    public String toString() {
        return new String(content, StandardCharsets.UTF_8);
    }
}
