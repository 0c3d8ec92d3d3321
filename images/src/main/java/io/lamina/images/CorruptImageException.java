package io.lamina.images;

import java.io.IOException;

/** Bytes from outside that break a rule of their format. The message names what, where (in bytes) and which rule. */
public final class CorruptImageException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * @param what the file or structure, such as {@code layer sha256:12ab… entry 7 (usr/bin/x)} or {@code superblock}
     * @param offset where it starts, in bytes from the beginning of the file or stream
     * @param rule the rule that is broken, with the value found and the value asked for
     */
    public CorruptImageException(String what, long offset, String rule) {
        super(what + " at byte " + offset + ": " + rule);
    }

    /** For text formats such as JSON, whose rules are broken by a member and not at an offset. */
    public CorruptImageException(String what, String rule) {
        super(what + ": " + rule);
    }

    /** As {@link #CorruptImageException(String, String)}, with what a library said of it. */
    public CorruptImageException(String what, String rule, Throwable cause) {
        super(what + ": " + rule, cause);
    }
}
