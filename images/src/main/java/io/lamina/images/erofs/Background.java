package io.lamina.images.erofs;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/**
 * Work of one kind that another thread does piece by piece, in order, while the caller goes on to fill the next buffer.
 * A few pieces may be under way, so that neither thread waits whenever the other is late for a moment. The thread starts
 * with the first piece.
 *
 * <p>Used by one thread, which must call {@link #await} before it relies on what was done, and {@link #close} in the end.
 */
public final class Background implements AutoCloseable {
    /** Pieces under way; as many buffers and one more make a ring. */
    private static final int DEPTH = 6;

    private static final ThreadFactory DAEMONS =
            Thread.ofPlatform().daemon().name("layer-worker-", 0).factory();

    private final @Nullable ExecutorService worker;
    private final Arena memory;
    private final ArrayDeque<Future<?>> underWay = new ArrayDeque<>();
    private final @Nullable ByteBuffer[] ring;
    private int turn;

    @SuppressWarnings("MustBeClosed") // closed in close
    private Background(boolean onAnotherThread) {
        worker = onAnotherThread ? Executors.newSingleThreadExecutor(DAEMONS) : null;
        memory = onAnotherThread ? Arena.ofShared() : Arena.ofConfined();
        ring = new ByteBuffer[onAnotherThread ? DEPTH + 1 : 1];
    }

    /** Another thread does the work. */
    public static Background onAnotherThread() {
        return new Background(true);
    }

    /** The caller does the work itself, at once. */
    public static Background inline() {
        return new Background(false);
    }

    /** A piece of work. */
    @FunctionalInterface
    public interface Piece {
        /** Does it. */
        void run() throws IOException;
    }

    /**
     * The next buffer to fill: outside the heap, little endian, and free once {@link #start} has returned for the work on
     * the one before.
     *
     * @param bytes its size, the same in each call
     */
    public ByteBuffer next(int bytes) {
        turn = (turn + 1) % ring.length;
        ByteBuffer buffer = ring[turn];
        if (buffer == null) {
            buffer = memory.allocate(bytes, 4096).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
            ring[turn] = buffer;
        }
        return buffer.clear();
    }

    /** Lets a piece be done after those before; throws what one of them failed with. */
    public void start(Piece piece) throws IOException {
        ExecutorService other = worker;
        if (other == null) {
            piece.run();
            return;
        }
        underWay.add(other.submit(() -> {
            piece.run();
            return null;
        }));
        while (underWay.size() > DEPTH) {
            await(underWay.remove());
        }
    }

    /** Waits until nothing is under way. */
    public void await() throws IOException {
        while (!underWay.isEmpty()) {
            await(underWay.remove());
        }
    }

    private static void await(Future<?> piece) throws IOException {
        try {
            piece.get();
        } catch (ExecutionException failed) {
            switch (failed.getCause()) {
                case IOException failure -> throw failure;
                case RuntimeException failure -> throw failure;
                case Error failure -> throw failure;
                case null, default -> throw new AssertionError(failed);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            InterruptedIOException failure = new InterruptedIOException("interrupted while a piece was worked on");
            failure.initCause(interrupted);
            throw failure;
        }
    }

    /** Waits for what is under way, whatever becomes of it, and gives the buffers back. */
    @Override
    public void close() {
        if (worker != null) {
            worker.close();
        }
        memory.close();
    }
}
