package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.lamina.linux.FileStatus.DeviceNumber;
import io.lamina.linux.FileStatus.Timestamp;
import java.util.SortedMap;

/**
 * An entry of a layer's tar.
 *
 * @param path where it belongs, without decoration: no leading or trailing slash, empty for the root
 * @param written the name as the tar has it, such as {@code ./a//b/}
 * @param body the type and what only that type has
 * @param encoding how the tar says it
 */
public record LayerEntry(String path, String written, Attributes attributes, Body body, Encoding encoding) {
    /** Before the name of what a layer removes from those below (OCI image-spec, layer.md, "Whiteouts"). */
    public static final String WHITEOUT_PREFIX = ".wh.";

    /** The name that hides all that the layers below have in its directory. */
    public static final String OPAQUE_WHITEOUT = ".wh..wh..opq";

    /**
     * What every type has.
     *
     * @param xattrs raw values by name
     */
    public record Attributes(
            int permissions, long uid, long gid, Timestamp modified, SortedMap<String, byte[]> xattrs) {}

    /** The type and what only that type has. */
    public sealed interface Body {
        /** A regular file; its content has one character per byte, as names have. */
        record File(String content) implements Body {
            /** The content as bytes. */
            public byte[] bytes() {
                return content.getBytes(ISO_8859_1);
            }
        }

        /** A directory. */
        record Directory() implements Body {}

        /** A symbolic link to any bytes. */
        record SymbolicLink(String target) implements Body {}

        /** Another name of an earlier entry of the layer; its own attributes mean nothing. */
        record HardLink(String targetPath, String writtenTarget) implements Body {}

        /** A character or block device. */
        record Device(boolean block, DeviceNumber number) implements Body {}

        /** A named pipe. */
        record Fifo() implements Body {}
    }

    /** The dialects of tar. What {@link #PLAIN} and {@link #GNU} cannot say in a header goes into the extension each has. */
    public enum Encoding {
        /** ustar, with PAX records for what does not fit. */
        PLAIN,
        /** PAX records for all that can be one. */
        PAX,
        /** As {@link #PAX}, with xattrs as libarchive writes them. */
        LIBARCHIVE,
        /** GNU long names and base-256 numbers; no xattrs, whole seconds. */
        GNU,
        /** A GNU header of type {@code S}; no xattrs, whole seconds. */
        SPARSE_GNU,
        SPARSE_PAX_0_0,
        SPARSE_PAX_0_1,
        SPARSE_PAX_1_0;

        boolean sparse() {
            return compareTo(SPARSE_GNU) >= 0;
        }
    }

    /** The last component of the path. */
    public String name() {
        return path.substring(path.lastIndexOf('/') + 1);
    }

    /** The path without its last component, empty for the root. */
    public String parent() {
        int slash = path.lastIndexOf('/');
        return slash < 0 ? "" : path.substring(0, slash);
    }

    /** This entry, not written as a sparse file. */
    public LayerEntry dense() {
        return encoding.sparse() ? new LayerEntry(path, written, attributes, body, Encoding.PAX) : this;
    }

    /** This entry as text for a failure message. */
    @Override
    public String toString() {
        String what = switch (body) {
            case Body.File(String content) -> "file of " + content.length() + " bytes";
            case Body.Directory() -> "directory";
            case Body.SymbolicLink(String target) -> "symlink to " + TreeListing.shown(target);
            case Body.HardLink(String target, String _) -> "hard link to " + TreeListing.shown(target);
            case Body.Device(boolean block, DeviceNumber number) ->
                (block ? "block device " : "character device ") + number;
            case Body.Fifo() -> "fifo";
        };
        return "%s  %s %04o %d:%d %s xattrs %s (%s)"
                .formatted(
                        TreeListing.shown(written),
                        what,
                        attributes.permissions(),
                        attributes.uid(),
                        attributes.gid(),
                        attributes.modified(),
                        attributes.xattrs().keySet().stream()
                                .map(TreeListing::shown)
                                .toList(),
                        encoding);
    }
}
