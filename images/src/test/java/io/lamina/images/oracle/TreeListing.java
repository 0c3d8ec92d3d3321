package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.lamina.images.oci.Digest;
import io.lamina.images.oracle.TreeEntry.Field;
import io.lamina.linux.DirectoryEntries;
import io.lamina.linux.Errno;
import io.lamina.linux.ExtendedAttributes;
import io.lamina.linux.FileStatus;
import io.lamina.linux.OpenFile;
import io.lamina.linux.SymbolicLink;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A tree, entry by entry.
 *
 * @param entries by path; the root is the empty path
 * @param phantoms paths that a directory lists and that are not there; a sound tree has none
 */
public record TreeListing(SortedMap<String, TreeEntry> entries, SortedSet<String> phantoms) {
    private static final long CHUNK_BYTES = 256 << 10;

    /** Of the difference of two entries, at most this many characters of a value are shown. */
    private static final int SHOWN_CHARACTERS = 160;

    /**
     * Lists the tree under {@code root} with the kernel's calls, all of it.
     *
     * @throws IOException if any entry cannot be looked at
     */
    public static TreeListing of(Path root) throws IOException {
        return new Walk(root).listing();
    }

    /**
     * Where {@code actual} differs from this tree, one line a difference, at most {@code limit} of them.
     *
     * @return no line when they are equal but for the exemptions
     */
    public List<String> differences(TreeListing actual, int limit, Exemption... exemptions) {
        SortedSet<String> paths = new TreeSet<>(entries.keySet());
        paths.addAll(actual.entries.keySet());
        List<String> lines = new ArrayList<>();
        phantoms.forEach(path -> lines.add(shown(path) + ": is listed and not there, in the expected tree"));
        actual.phantoms.forEach(path -> lines.add(shown(path) + ": is listed and not there"));
        for (String path : paths) {
            TreeEntry expected = entries.get(path);
            TreeEntry found = actual.entries.get(path);
            if (expected == null) {
                lines.add(shown(path) + ": is there as " + found.type() + " and should not be");
            } else if (found == null) {
                lines.add(shown(path) + ": is missing, should be a " + expected.type());
            } else {
                compare(path, expected, found, exemptions, lines);
            }
            if (lines.size() >= limit) {
                return List.copyOf(lines.subList(0, limit));
            }
        }
        return List.copyOf(lines);
    }

    /**
     * Where link counts are not what the tree itself says: a file's the number of its names, a directory's 2 and its
     * subdirectories.
     */
    public List<String> wrongLinkCounts() {
        Map<String, Long> subdirectories = new HashMap<>();
        entries.forEach((path, entry) -> {
            if (entry.isDirectory() && !path.isEmpty()) {
                subdirectories.merge(parent(path), 1L, Long::sum);
            }
        });
        List<String> lines = new ArrayList<>();
        entries.forEach((path, entry) -> {
            long right = entry.isDirectory()
                    ? 2 + subdirectories.getOrDefault(path, 0L)
                    : entry.inodeGroup().size();
            if (entry.linkCount() != right) {
                lines.add(shown(path) + ": has " + entry.linkCount() + " links, should have " + right);
            }
        });
        return lines;
    }

    private static void compare(
            String path, TreeEntry expected, TreeEntry found, Exemption[] exemptions, List<String> lines) {
        for (Field field : Field.values()) {
            Object wanted = field.of(expected);
            Object is = field.of(found);
            if (!wanted.equals(is)
                    && Arrays.stream(exemptions).noneMatch(exemption -> exemption.covers(field, path, expected))) {
                lines.add(shown(path) + ": " + field + difference(wanted, is));
            }
        }
    }

    private static String difference(Object wanted, Object is) {
        if (wanted instanceof SortedMap<?, ?> wantedMap && is instanceof SortedMap<?, ?> isMap) {
            Map<Object, Object> less = new LinkedHashMap<>(wantedMap);
            Map<Object, Object> more = new LinkedHashMap<>(isMap);
            less.entrySet().removeAll(isMap.entrySet());
            more.entrySet().removeAll(wantedMap.entrySet());
            return " has " + shown(more.toString()) + ", should have " + shown(less.toString());
        }
        return " is " + shown(is.toString()) + ", should be " + shown(wanted.toString());
    }

    private static String parent(String path) {
        int slash = path.lastIndexOf('/');
        return slash < 0 ? "" : path.substring(0, slash);
    }

    /** {@code text} with each byte that is not printable as {@code \xHH}, cut when it is long; the root is {@code /}. */
    static String shown(String text) {
        StringBuilder shown = new StringBuilder(text.isEmpty() ? "/" : "");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= ' ' && c < 0x7f && c != '\\') {
                shown.append(c);
            } else {
                shown.append(String.format("\\x%02x", (int) c));
            }
        }
        if (shown.length() > SHOWN_CHARACTERS) {
            int characters = text.length();
            return shown.substring(0, SHOWN_CHARACTERS) + "… (" + characters + " characters)";
        }
        return shown.toString();
    }

    /** One walk over a real tree. */
    private static final class Walk {
        private record Inode(FileStatus.DeviceNumber device, long number) {}

        private final byte[] root;
        private final SortedSet<String> phantoms = new TreeSet<>();
        private final Map<String, FileStatus> statuses = new TreeMap<>();
        private final Map<Inode, SortedSet<String>> groups = new HashMap<>();

        Walk(Path root) {
            this.root = root.toString().getBytes(ISO_8859_1);
        }

        TreeListing listing() throws IOException {
            Deque<String> directories = new ArrayDeque<>();
            look("", directories);
            while (!directories.isEmpty()) {
                String directory = directories.pop();
                for (byte[] name : DirectoryEntries.names(absolute(directory))) {
                    String prefix = directory.isEmpty() ? "" : directory + "/";
                    look(prefix + new String(name, ISO_8859_1), directories);
                }
            }
            SortedMap<String, TreeEntry> entries = new TreeMap<>();
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment buffer = arena.allocate(CHUNK_BYTES);
                for (Map.Entry<String, FileStatus> status : statuses.entrySet()) {
                    entries.put(status.getKey(), entry(status.getKey(), status.getValue(), buffer));
                }
            }
            return new TreeListing(
                    Collections.unmodifiableSortedMap(entries), Collections.unmodifiableSortedSet(phantoms));
        }

        private void look(String path, Deque<String> directories) throws IOException {
            FileStatus status;
            try {
                status = FileStatus.of(absolute(path));
            } catch (SystemCallException failure) {
                if (failure.errno() == Errno.ENOENT && !path.isEmpty()) {
                    phantoms.add(path);
                    return;
                }
                throw failure;
            }
            if (statuses.put(path, status) != null) {
                throw new IOException("the name " + shown(path) + " is listed twice");
            }
            groups.computeIfAbsent(new Inode(status.device(), status.inode()), _ -> new TreeSet<>())
                    .add(path);
            if (status.isDirectory()) {
                directories.push(path);
            }
        }

        private TreeEntry entry(String path, FileStatus status, MemorySegment buffer) throws IOException {
            byte[] absolute = absolute(path);
            int type = status.type();
            return new TreeEntry(
                    typeName(type),
                    status.permissions(),
                    status.uid(),
                    status.gid(),
                    status.modified(),
                    status.sizeBytes(),
                    status.specialDevice(),
                    status.linkCount(),
                    groups.get(new Inode(status.device(), status.inode())),
                    type == FileStatus.S_IFLNK ? new String(SymbolicLink.target(absolute), ISO_8859_1) : "",
                    xattrs(absolute),
                    type == FileStatus.S_IFREG ? contentSha256(path, absolute, status.sizeBytes(), buffer) : "");
        }

        private byte[] absolute(String path) {
            byte[] relative = path.getBytes(ISO_8859_1);
            byte[] absolute = Arrays.copyOf(root, root.length + 1 + relative.length);
            absolute[root.length] = '/';
            System.arraycopy(relative, 0, absolute, root.length + 1, relative.length);
            return absolute;
        }

        private static SortedMap<String, String> xattrs(byte[] path) throws IOException {
            SortedMap<String, String> values = new TreeMap<>();
            for (byte[] name : ExtendedAttributes.names(path)) {
                String value;
                try {
                    value = HexFormat.of().formatHex(ExtendedAttributes.value(path, name));
                } catch (SystemCallException failure) {
                    // Listed and not readable is a property of the tree too: two trees may agree in it.
                    value = "errno " + failure.errno();
                    if (failure.errno() == Errno.EIO) {
                        throw failure;
                    }
                }
                values.put(new String(name, ISO_8859_1), value);
            }
            return values;
        }

        private static String contentSha256(String path, byte[] absolute, long sizeBytes, MemorySegment buffer)
                throws IOException {
            MessageDigest sha256 = Digest.sha256();
            long total = 0;
            try (OpenFile file = OpenFile.reading(absolute)) {
                for (long count = file.read(buffer); count > 0; count = file.read(buffer)) {
                    sha256.update(buffer.asSlice(0, count).asByteBuffer());
                    total += count;
                }
            }
            if (total != sizeBytes) {
                throw new IOException(shown(path) + " gives " + total + " bytes, its status says " + sizeBytes);
            }
            return HexFormat.of().formatHex(sha256.digest());
        }

        private static String typeName(int type) {
            return switch (type) {
                case FileStatus.S_IFREG -> "file";
                case FileStatus.S_IFDIR -> "directory";
                case FileStatus.S_IFLNK -> "symlink";
                case FileStatus.S_IFCHR -> "character device";
                case FileStatus.S_IFBLK -> "block device";
                case FileStatus.S_IFIFO -> "fifo";
                case FileStatus.S_IFSOCK -> "socket";
                default -> String.format("type %07o", type);
            };
        }
    }
}
