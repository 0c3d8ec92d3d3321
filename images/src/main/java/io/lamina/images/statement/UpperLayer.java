package io.lamina.images.statement;

/** Which writable layer a guest may lay over the image. */
public enum UpperLayer {
    /** None: the root stays read-only. */
    NONE("none"),
    /** One in the guest's own memory. */
    MEMORY("memory"),
    /** As {@link #MEMORY}; or, where the guest has a disk for it, one there that the guest makes and encrypts itself. */
    SCRATCH("scratch");

    private final String text;

    UpperLayer(String text) {
        this.text = text;
    }

    /** The word that a statement writes. */
    public String text() {
        return text;
    }
}
