package io.lamina.host.flatten;

import io.lamina.linux.Memfd;
import io.lamina.linux.OwnedFd;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Files without a name: what a run hands to its children and leaves nowhere. */
public final class MemoryFiles {
    private MemoryFiles() {}

    /** A name for {@code memory}, good in this process while the descriptor is open. */
    public static Path path(OwnedFd memory) {
        return Path.of("/proc/self/fd/" + memory.number());
    }

    /** A new file with {@code content}. */
    public static OwnedFd of(String name, ByteBuffer content) throws IOException {
        OwnedFd memory = Memfd.create(name, 0);
        try (FileChannel channel = FileChannel.open(path(memory), StandardOpenOption.WRITE)) {
            write(channel, content.duplicate());
            return memory;
        } catch (IOException failure) {
            memory.close();
            throw failure;
        }
    }

    /** A new file with all of {@code first}, zeroes up to a multiple of 4 bytes, and {@code second}. */
    public static OwnedFd joined(String name, Path first, byte[] second) throws IOException {
        OwnedFd memory = Memfd.create(name, 0);
        try (FileChannel source = FileChannel.open(first, StandardOpenOption.READ);
                FileChannel target = FileChannel.open(path(memory), StandardOpenOption.WRITE)) {
            long done = 0;
            while (done < source.size()) {
                done += source.transferTo(done, source.size() - done, target);
            }
            write(target, ByteBuffer.allocate((int) (-done & 3)));
            write(target, ByteBuffer.wrap(second));
            return memory;
        } catch (IOException failure) {
            memory.close();
            throw failure;
        }
    }

    private static void write(FileChannel target, ByteBuffer content) throws IOException {
        while (content.hasRemaining()) {
            target.write(content);
        }
    }
}
