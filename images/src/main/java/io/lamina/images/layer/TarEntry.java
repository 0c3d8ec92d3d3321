package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Attributes;

/**
 * One entry of a tar.
 *
 * @param position number and place in the tar
 * @param path as the tar tells it, not cleaned
 * @param attributes mode (with the type's bits), owner, time, extended attributes; of a hard link meaningless
 * @param body what the entry is
 */
public record TarEntry(Position position, RawPath path, Attributes attributes, Body body) {
    /**
     * Where an entry stands.
     *
     * @param number counted from 1; headers that only extend another do not count
     * @param offsetBytes of its first header block, extensions included, in the tar
     */
    public record Position(long number, long offsetBytes) {}

    /** What an entry is. */
    public sealed interface Body {}

    /**
     * A regular file. Its stored bytes follow in the tar.
     *
     * @param sizeBytes of the file
     * @param storedBytes in the tar
     * @param segments where the stored bytes belong
     */
    public record File(long sizeBytes, long storedBytes, SparseMap segments) implements Body {}

    /** A further name of an earlier entry's file. */
    public record HardLink(RawPath target) implements Body {}

    /** A symbolic link. */
    public record SymbolicLink(RawPath target) implements Body {}

    /** A character or block device; its number is encoded as Linux does it. */
    public record DeviceNode(int number) implements Body {}

    /** A directory. */
    public record DirectoryNode() implements Body {}

    /** A FIFO. */
    public record Fifo() implements Body {}

    CorruptImageException corrupt(String rule) {
        return new CorruptImageException(what(position.number(), path), position.offsetBytes(), rule);
    }

    UnsupportedImageException unsupported(String feature) {
        return new UnsupportedImageException(
                what(position.number(), path) + " at byte " + position.offsetBytes(), feature);
    }

    static String what(long number, RawPath path) {
        return "tar entry " + number + " (" + path + ")";
    }
}
