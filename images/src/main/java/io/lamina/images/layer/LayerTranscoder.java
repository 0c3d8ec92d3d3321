package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.ErofsImage;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.channels.FileChannel;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Makes a plain layer blob of any image that is read: its canonical tar, converted. The same image gives the same bytes.
 * Sockets are lost, since no tar holds them.
 */
public final class LayerTranscoder {
    private static final int PIPE_BYTES = 1 << 20;

    private LayerTranscoder() {}

    /**
     * Reads an image and writes its blob, as {@link LayerConverter} does. After an exception the contents of all files
     * mean nothing.
     *
     * @param source read by another thread meanwhile, and by nobody else
     * @return the blob, whose diffID is that of the canonical tar
     * @throws CorruptImageException if the image breaks a rule
     * @throws UnsupportedImageException if it uses what is not read, or what no layer can hold
     */
    public static ConvertedLayer transcode(ErofsImage source, FileChannel blob, FileChannel leaves, FileChannel recipe)
            throws IOException {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            PipedInputStream tar = new PipedInputStream(PIPE_BYTES);
            PipedOutputStream pipe = new PipedOutputStream(tar);
            Future<?> writing = threads.submit(() -> {
                try (pipe) {
                    CanonicalTar.write(source, pipe);
                }
                return null;
            });
            ConvertedLayer made;
            try (tar) {
                made = LayerConverter.convert(tar, blob, leaves, recipe);
            } catch (IOException failure) {
                // The pipe is closed by now, which has ended the writer, unless it failed by itself.
                IOException cause = outcome(writing);
                throw cause instanceof CorruptImageException || cause instanceof UnsupportedImageException
                        ? cause
                        : failure;
            }
            // A tar that ends between two entries converts, too.
            IOException cut = outcome(writing);
            if (cut != null) {
                throw cut;
            }
            return made;
        }
    }

    private static @Nullable IOException outcome(Future<?> writing) {
        try {
            writing.get();
            return null;
        } catch (ExecutionException failed) {
            return switch (failed.getCause()) {
                case IOException failure -> failure;
                case RuntimeException failure -> throw failure;
                case Error failure -> throw failure;
                case null, default -> throw new AssertionError(failed);
            };
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            InterruptedIOException failure = new InterruptedIOException("interrupted while a layer was transcoded");
            failure.initCause(interrupted);
            return failure;
        }
    }
}
