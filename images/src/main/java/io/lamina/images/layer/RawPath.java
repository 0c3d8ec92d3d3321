package io.lamina.images.layer;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A path or name as a tar holds it: bytes, in no encoding. */
public final class RawPath {
    private static final int SHOWN_BYTES = 200;

    private final byte[] bytes;

    /** @param bytes kept and not copied */
    public RawPath(byte[] bytes) {
        this.bytes = bytes;
    }

    /** The bytes, not to be changed. */
    public byte[] bytes() {
        return bytes;
    }

    @Override
    public boolean equals(@Nullable Object object) {
        return object instanceof RawPath other && Arrays.equals(bytes, other.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }

    /** For messages: printable ASCII as it is, other bytes as {@code \xNN}, long paths cut. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < Math.min(bytes.length, SHOWN_BYTES); i++) {
            char c = (char) (bytes[i] & 0xFF);
            if (c >= ' ' && c < 0x7F && c != '\\') {
                text.append(c);
            } else {
                text.append("\\x%02x".formatted((int) c));
            }
        }
        return bytes.length > SHOWN_BYTES ? text.append('…').toString() : text.toString();
    }
}
