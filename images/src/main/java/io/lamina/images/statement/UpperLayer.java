package io.lamina.images.statement;

/** Which writable layer a guest may lay over the image. */
public enum UpperLayer {
    /** None: the root stays read-only. */
    NONE("none"),
    /** One in the guest's own memory. */
    MEMORY("memory");

    private final String text;

    UpperLayer(String text) {
        this.text = text;
    }

    /** The word that a statement writes. */
    public String text() {
        return text;
    }
}
