package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;

/** A layer as it is stored. Its bytes are opened as often as wanted, from any thread; there is nothing to close. */
public final class StoredLayer {
    private final Descriptor descriptor;
    private final Digest diffId;
    private final StoredFile file;

    StoredLayer(Descriptor descriptor, Digest diffId, StoredFile file) throws CorruptImageException {
        if (file.sizeBytes() != descriptor.sizeBytes()) {
            throw new CorruptImageException(
                    file.name(), "has " + file.sizeBytes() + " bytes, its descriptor says " + descriptor.sizeBytes());
        }
        this.descriptor = descriptor;
        this.diffId = diffId;
        this.file = file;
    }

    /** Media type of the stored bytes. */
    public String mediaType() {
        return descriptor.mediaType();
    }

    /** Digest of the stored bytes. */
    public Digest digest() {
        return descriptor.digest();
    }

    /** Length of the stored bytes. */
    public long sizeBytes() {
        return descriptor.sizeBytes();
    }

    /** Whether it is an EROFS image, no tar; so is what {@link LayerStream} gives of it. */
    public boolean isErofs() {
        return MediaType.isErofs(descriptor.mediaType());
    }

    /** Whether the stored bytes are here; they may have been left out where their conversion is. */
    public boolean isHere() {
        return Files.exists(file.file());
    }

    /** Digest of the uncompressed tar or EROFS image, as the image configuration says. */
    public Digest diffId() {
        return diffId;
    }

    /**
     * The stored bytes. Where they end, their digest is checked: a wrong one is a {@link CorruptImageException} in place
     * of the end, so they prove nothing before they are read to it.
     */
    public InputStream open() throws IOException {
        return new VerifiedInputStream(file.name(), file.open(), digest());
    }

    /** The stored bytes, of which nothing is checked but that there are as many as there should be. */
    InputStream openUnverified() throws IOException {
        return file.open();
    }

    @Override
    public String toString() {
        return "layer " + diffId;
    }
}
