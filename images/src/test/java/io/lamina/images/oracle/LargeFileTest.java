package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.images.oracle.FlattenedStack.Format;
import io.lamina.images.oracle.LayerEntry.Attributes;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.LayerEntry.Encoding;
import io.lamina.images.oracle.SparseMap.Run;
import io.lamina.linux.FileStatus;
import io.lamina.linux.FileStatus.Timestamp;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sizes beyond 32 bits, with little data in them. */
final class LargeFileTest {
    private static final long FOUR_GIB = 1L << 32;

    @TempDir
    Path directory;

    @Test
    void aSparseFileBeyondFourGibibytesIsWhole() throws Exception {
        Machine.needsRoot();
        Machine.needsFileSystem("erofs");
        long size = FOUR_GIB + 1_000_003;
        SparseMap map = new SparseMap(List.of(
                new Run(0, 512), new Run(FOUR_GIB - 512, 1024), new Run(FOUR_GIB + 1_000_000, 3), new Run(size, 0)));
        String data = "first".repeat(103).substring(0, 512) + "x".repeat(512) + "y".repeat(512) + "end";
        Attributes attributes = new Attributes(0644, 0, 0, new Timestamp(0, 0), Collections.emptySortedMap());
        LayerEntry entry = new LayerEntry("large", "large", attributes, new Body.File(""), Encoding.SPARSE_PAX_1_0);
        byte[] tar = new TarWriter()
                .sparsePax(entry, map, data.getBytes(ISO_8859_1), size)
                .end();

        FlattenedStack flattened = FlattenedStack.build(List.of(tar), Format.PLAIN, directory);

        PrivateMounts.run(mounts -> {
            try (MountedErofs device = new MountedErofs(mounts, flattened.device(), directory.resolve("mounted"))) {
                Path file = device.root().resolve("large");
                assertEquals(
                        size, FileStatus.of(file.toString().getBytes(UTF_8)).sizeBytes());
                try (FileChannel content = FileChannel.open(file)) {
                    assertEquals("first", read(content, 0, 5));
                    assertEquals("\0".repeat(9), read(content, 512, 9));
                    assertEquals("\0".repeat(100), read(content, 1L << 31, 100));
                    assertEquals("\0\0xx", read(content, FOUR_GIB - 514, 4));
                    assertEquals("xxyy", read(content, FOUR_GIB - 2, 4));
                    assertEquals("yy\0\0", read(content, FOUR_GIB + 510, 4));
                    assertEquals("\0\0end", read(content, size - 5, 100));
                }
            }
        });
    }

    private static String read(FileChannel content, long atByte, int bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(bytes);
        while (buffer.hasRemaining() && content.read(buffer, atByte + buffer.position()) > 0) {}
        return new String(buffer.array(), 0, buffer.position(), ISO_8859_1);
    }
}
