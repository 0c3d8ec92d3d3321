package io.lamina.images.erofs;

import com.sun.management.ThreadMXBean;
import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.SplittableRandom;

/** Breaks bytes at random and checks what a reader makes of it: a result or a clear refusal, in bounded memory and time. */
public final class Mutations {
    /** In sum, garbage and the test's own listing counted: no single allocation can be larger. */
    private static final long MAX_ALLOCATED_BYTES = 64 << 20;

    /** A larger image may hold more names, and names take memory: so much for each of its bytes. */
    private static final long MAX_ALLOCATED_FOR_EACH = 64;

    private static final long MAX_NANOS = 10_000_000_000L;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final long[] ODD_VALUES = {
        0, 1, -1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000L, Long.MIN_VALUE, Long.MAX_VALUE, 4095, 4096
    };

    private Mutations() {}

    /** What is done with broken bytes. */
    @FunctionalInterface
    public interface Reading {
        void read(byte[] bytes) throws IOException;
    }

    /** Changes 1 to 4 places of a copy of {@code bytes} between {@code start} and {@code end}. */
    public static byte[] mutate(byte[] bytes, int start, int end, SplittableRandom random) {
        byte[] broken = bytes.clone();
        damage(broken, start, end, random);
        return broken;
    }

    /** Changes 1 to 4 places of {@code broken} itself between {@code start} and {@code end}. */
    public static void damage(byte[] broken, int start, int end, SplittableRandom random) {
        int places = 1 + random.nextInt(4);
        for (int i = 0; i < places; i++) {
            int at = random.nextInt(start, end);
            switch (random.nextInt(5)) {
                case 0 -> broken[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> broken[at] = (byte) random.nextInt();
                case 2 -> number(broken, at, end, 1 << random.nextInt(4), random);
                case 3 -> {
                    int from = random.nextInt(start, end);
                    int length = Math.min(1 + random.nextInt(64), end - Math.max(at, from));
                    System.arraycopy(broken, from, broken, at, length);
                }
                default -> {
                    for (int j = at; j < Math.min(end, at + random.nextInt(32)); j++) {
                        broken[j] = 0;
                    }
                }
            }
        }
    }

    private static void number(byte[] bytes, int at, int end, int size, SplittableRandom random) {
        long value = ODD_VALUES[random.nextInt(ODD_VALUES.length)] + random.nextInt(-1, 2);
        int aligned = at & -size;
        for (int i = 0; i < size && aligned + i < end; i++) {
            bytes[aligned + i] = (byte) (value >> (8 * i));
        }
    }

    /** Runs {@code reading}; a refusal is fine, anything else that is thrown, hangs or takes memory is not. */
    public static void survives(String seed, byte[] bytes, Reading reading) {
        long allocated = THREADS.getCurrentThreadAllocatedBytes();
        long startNanos = THREADS.getCurrentThreadCpuTime(); // a machine that stands still is no hang
        try {
            reading.read(bytes);
        } catch (CorruptImageException | UnsupportedImageException refused) {
            if (refused.getMessage().isBlank()) {
                throw new AssertionError(seed + ": refusal without a message", refused);
            }
        } catch (IOException | RuntimeException | StackOverflowError | OutOfMemoryError failure) {
            throw new AssertionError(seed + ": " + failure, failure);
        }
        long took = THREADS.getCurrentThreadAllocatedBytes() - allocated;
        if (took > Math.max(MAX_ALLOCATED_BYTES, MAX_ALLOCATED_FOR_EACH * bytes.length)) {
            throw new AssertionError(seed + ": allocated " + took + " bytes for " + bytes.length);
        }
        if (THREADS.getCurrentThreadCpuTime() - startNanos > MAX_NANOS) {
            throw new AssertionError(
                    seed + ": took " + (THREADS.getCurrentThreadCpuTime() - startNanos) / 1_000_000 + " ms");
        }
    }
}
