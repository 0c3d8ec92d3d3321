package io.lamina.images.oci;

import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;

/**
 * Decompresses one stream of deflate (RFC 1951) after the other. Intel's ISA-L where it is installed, which takes half
 * the time; else the JDK's zlib.
 */
sealed interface Inflate extends AutoCloseable permits IsalInflate, JdkInflate {
    /** Bytes in front of those last read that must still be there: an implementation may give them back at the end. */
    int LOOK_BACK_BYTES = 8;

    /** Bytes behind those last read that must be there too: an implementation may look at them. */
    int LOOK_AHEAD_BYTES = 64;

    /** A new one, before its first stream. */
    static Inflate create() {
        Isal library = Isal.INSTANCE;
        return library == null ? new JdkInflate() : new IsalInflate(library);
    }

    /** Starts with another stream. */
    void reset();

    /**
     * Goes on until the input or the output or the stream is at its end. Both buffers are outside the heap; their
     * positions move. At the end of the stream {@code input} stands behind it.
     *
     * @throws DataFormatException if it is no deflate
     */
    void inflate(ByteBuffer input, ByteBuffer output) throws DataFormatException;

    /** Whether the stream is at its end. */
    boolean finished();

    @Override
    void close();
}
