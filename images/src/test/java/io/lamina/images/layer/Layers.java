package io.lamina.images.layer;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.ImageTree;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Converts tars that tests hold in memory. */
public final class Layers {
    private Layers() {}

    /** The blob of a tar. */
    public static byte[] blob(byte[] tar, Path directory) throws IOException {
        Path blob = directory.resolve("layer.erofs");
        convert(tar, blob);
        return Files.readAllBytes(blob);
    }

    /** Converts a tar into {@code blob}, and its leaves into a file beside it. */
    public static ConvertedLayer convert(byte[] tar, Path blob) throws IOException {
        Path leaves = blob.resolveSibling(blob.getFileName() + ".leaves");
        try (FileChannel out = FileChannel.open(blob, CREATE, READ, WRITE);
                FileChannel level0 = FileChannel.open(leaves, CREATE, READ, WRITE)) {
            return LayerConverter.convert(new ByteArrayInputStream(tar), out, level0);
        }
    }

    /** The tree that a tar's blob holds. */
    public static Map<String, String> tree(byte[] tar, Path directory) throws IOException {
        return ImageTree.read(ErofsImage.open("blob", ByteBuffer.wrap(blob(tar, directory))));
    }
}
