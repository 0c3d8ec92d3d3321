package io.lamina.images;

import java.io.IOException;

/** Valid bytes of a kind that this version does not read. The message names the feature and what to do instead. */
public final class UnsupportedImageException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * @param what the file or structure
     * @param feature what it uses that we do not know, and the way around it where there is one
     */
    public UnsupportedImageException(String what, String feature) {
        super(what + ": " + feature);
    }
}
