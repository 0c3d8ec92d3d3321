package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A content digest as OCI writes it (image-spec, descriptor.md, "Digests"). Only {@code sha256} is taken: it is the one
 * algorithm that every implementation must know and the one that diffIDs are made with.
 *
 * @param hex 64 lower-case hexadecimal digits
 */
public record Digest(String hex) implements Comparable<Digest> {
    private static final String PREFIX = "sha256:";

    /** Bytes of a sha256 value. */
    public static final int BYTES = 32;

    /** Refuses what {@link #parse} would refuse; for values that come from our own hashing. */
    public Digest {
        if (!isHex(hex)) {
            throw new IllegalArgumentException("not 64 lower-case hexadecimal digits: " + hex);
        }
    }

    /** The digest {@code value}, which holds {@link #BYTES} bytes. */
    public static Digest of(byte[] value) {
        return new Digest(HexFormat.of().formatHex(value));
    }

    /** The digest of {@code content}. */
    public static Digest ofContent(byte[] content) {
        return of(sha256().digest(content));
    }

    /**
     * Reads {@code sha256:…}.
     *
     * @throws CorruptImageException if the text is not such a digest; the message carries at most 80 characters of it
     */
    public static Digest parse(String text) throws CorruptImageException {
        if (!text.startsWith(PREFIX) || !isHex(text.substring(PREFIX.length()))) {
            String shown = text.length() > 80 ? text.substring(0, 80) + "…" : text;
            throw new CorruptImageException("digest \"" + shown + "\"", "is not sha256: and 64 lower-case hex digits");
        }
        return new Digest(text.substring(PREFIX.length()));
    }

    /** A fresh sha256 computation; every Java platform has one. */
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** The {@link #BYTES} raw bytes. */
    public byte[] bytes() {
        return HexFormat.of().parseHex(hex);
    }

    @Override
    public int compareTo(Digest other) {
        return hex.compareTo(other.hex);
    }

    /** A UUID made of the first 16 bytes: RFC 9562, version 8, the one for values of one's own. */
    public UUID uuid() {
        ByteBuffer halves = ByteBuffer.wrap(bytes());
        long high = (halves.getLong() & ~0xF000L) | 0x8000L;
        long low = (halves.getLong() & ~(3L << 62)) | 1L << 63;
        return new UUID(high, low);
    }

    /** The form that OCI writes, {@code sha256:…}. */
    @Override
    public String toString() {
        return PREFIX + hex;
    }

    private static boolean isHex(String text) {
        return text.length() == 2 * BYTES
                && text.chars().allMatch(c -> (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    }

    /** As a record's own; written out because the generated one, linked when it is first called, slows the guest's start. */
    @Override
    public boolean equals(@Nullable Object object) {
        return object instanceof Digest other && hex.equals(other.hex);
    }

    @Override
    public int hashCode() {
        return hex.hashCode();
    }
}
