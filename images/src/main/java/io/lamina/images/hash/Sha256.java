package io.lamina.images.hash;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/**
 * A SHA-256 computation (FIPS 180-4) over memory of any kind. OpenSSL's where {@code libcrypto.so.3} is installed: it
 * uses the processor's instructions from the first byte on, while the JDK's does so only after its compiler has seen
 * the code run hot, which costs a short-lived process more than the hashing. Else the JDK's.
 *
 * <p>One thread at a time.
 */
public sealed interface Sha256 permits LibCryptoSha256, JdkSha256 {
    /** Bytes of a result. */
    int BYTES = 32;

    /** Read from a file at a time. */
    int FILE_PIECE_BYTES = 256 << 10;

    /** A new computation. */
    static Sha256 create() {
        return behind(new byte[0]);
    }

    /** A new computation over {@code prefix} and what it is given; so is each that it starts anew. */
    static Sha256 behind(byte[] prefix) {
        return LibCrypto.isInstalled() ? new LibCryptoSha256(prefix) : new JdkSha256(prefix);
    }

    /** Goes on with {@code length} bytes of {@code bytes}, from byte {@code start} on. */
    void update(MemorySegment bytes, long start, long length);

    /** Goes on with a whole file, whatever its position. */
    default void update(FileChannel file) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment piece = arena.allocate(FILE_PIECE_BYTES);
            ByteBuffer buffer = piece.asByteBuffer();
            for (long atByte = 0; file.read(buffer, atByte) > 0; buffer.clear()) {
                update(piece, 0, buffer.position());
                atByte += buffer.position();
            }
        }
    }

    /** Gives the result in {@link #BYTES} bytes from {@code into[start]} on, and starts anew. */
    void digest(byte[] into, int start);

    /** As {@link #digest(byte[], int)}, in an array of its own. */
    default byte[] digest() {
        byte[] result = new byte[BYTES];
        digest(result, 0);
        return result;
    }
}
