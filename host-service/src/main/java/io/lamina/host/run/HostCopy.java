package io.lamina.host.run;

import com.google.protobuf.ByteString;
import io.lamina.images.layer.TarUnpacking;
import io.lamina.images.layer.UpperTar;
import io.lamina.linux.OpenDirectory;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A tar that a guest sends, on its way to where the user wants it. The receiving thread waits where the disk does; when
 * this side fails, the rest is thrown away and the reason kept.
 */
final class HostCopy {
    /** As much file data is taken from a guest in one copy. */
    private static final long MAX_COPY_BYTES = 16L << 30;

    private static final int PIPE_BYTES = 1 << 20;
    private static final int PIECE_BYTES = 32 << 10;

    private final OutputStream tar;
    private final FutureTask<String> work;
    private boolean open = true;
    private long leftBytes = MAX_COPY_BYTES;
    private String failure = "";

    private HostCopy(OutputStream tar, FutureTask<String> work) {
        this.tar = tar;
        this.work = work;
    }

    /** Unpacks below the directory {@code target}, which is made where there is none. */
    static HostCopy unpackTo(Path target) throws IOException {
        Files.createDirectories(target);
        PipedOutputStream end = new PipedOutputStream();
        PipedInputStream tar = new PipedInputStream(end, PIPE_BYTES);
        FutureTask<String> work = new FutureTask<>(() -> unpack(tar, target));
        Thread.ofPlatform().daemon().name("copy").start(work);
        return new HostCopy(end, work);
    }

    /** Writes the tar itself, which is the copy's to close. */
    static HostCopy into(OutputStream file) {
        FutureTask<String> nothing = new FutureTask<>(() -> "");
        nothing.run();
        return new HostCopy(file, nothing);
    }

    private static String unpack(InputStream tar, Path target) {
        try (tar;
                OpenDirectory top = OpenDirectory.of(target)) {
            TarUnpacking.unpack(tar, top, MAX_COPY_BYTES);
            return "";
        } catch (IOException failed) {
            return String.valueOf(failed.getMessage());
        }
    }

    /** Sends what is at {@code source}, a directory's contents or one file, on a thread of its own. */
    static void send(Path source, InputWindow window) {
        Thread.ofPlatform().daemon().name("copy").start(() -> {
            byte[] place = source.toAbsolutePath().toString().getBytes(StandardCharsets.UTF_8);
            try (OutputStream tar = new BufferedOutputStream(window, PIECE_BYTES)) {
                if (Files.isDirectory(source)) {
                    UpperTar.write(slash(place), tar);
                } else {
                    Path real = Files.exists(source, LinkOption.NOFOLLOW_LINKS) ? source.toRealPath() : source;
                    byte[] name = String.valueOf(source.getFileName()).getBytes(StandardCharsets.UTF_8);
                    UpperTar.writeFile(real.toString().getBytes(StandardCharsets.UTF_8), name, tar);
                }
            } catch (IOException failed) {
                // The guest finds a tar that is cut short, and its answer says so.
                window.failed(String.valueOf(failed.getMessage()));
            }
        });
    }

    private static byte[] slash(byte[] place) {
        byte[] within = Arrays.copyOf(place, place.length + 2);
        within[place.length] = '/';
        within[place.length + 1] = '.';
        return within;
    }

    /** The next piece of the tar; the one thread that receives calls. */
    void take(ByteString data) {
        leftBytes -= data.size();
        if (!open || leftBytes < 0) {
            failure = failure.isEmpty() && open ? "a copy of more than " + MAX_COPY_BYTES + " bytes" : failure;
            return;
        }
        try {
            data.writeTo(tar);
        } catch (IOException failed) {
            open = false;
            failure = String.valueOf(failed.getMessage());
        }
    }

    /** Waits until all is where it belongs; answers what failed, or nothing. */
    String end() {
        try {
            tar.close();
        } catch (IOException failed) {
            failure = failure.isEmpty() ? String.valueOf(failed.getMessage()) : failure;
        }
        try {
            String said = work.get();
            return said.isEmpty() || leftBytes < 0 ? failure : said;
        } catch (ExecutionException | InterruptedException failed) {
            return String.valueOf(failed.getMessage());
        }
    }
}
