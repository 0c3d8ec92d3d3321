package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A path inside a layer, cleaned as a string: without empty components and {@code .}, and with {@code ..} taken away
 * together with what stands before it, never above the root. What the last component means is told apart here.
 *
 * @param kind what the path stands for
 * @param parents the components before the last
 * @param last the last component; for a whiteout the name that it takes away; empty for the root
 */
record LayerPath(Kind kind, List<byte[]> parents, RawPath last) {
    /** The longest path, PATH_MAX without its NUL. */
    static final int MAX_BYTES = 4095;

    private static final int MAX_NAME_BYTES = 255;
    private static final byte[] WHITEOUT_PREFIX = ".wh.".getBytes(StandardCharsets.ISO_8859_1);
    private static final byte[] META_PREFIX = ".wh..wh.".getBytes(StandardCharsets.ISO_8859_1);
    private static final byte[] OPAQUE_NAME = ".wh..wh..opq".getBytes(StandardCharsets.ISO_8859_1);

    /** What a path stands for. */
    enum Kind {
        ORDINARY,
        ROOT,
        WHITEOUT,
        OPAQUE_MARK,
        AUFS_LEFTOVER
    }

    byte[] name() {
        return last.bytes();
    }

    static LayerPath of(TarEntry entry, RawPath path) throws CorruptImageException {
        List<byte[]> components = components(entry, path);
        if (components.isEmpty()) {
            return new LayerPath(Kind.ROOT, List.of(), new RawPath(new byte[0]));
        }
        byte[] last = components.removeLast();
        if (components.stream().anyMatch(name -> LayerTree.startsWith(name, META_PREFIX))) {
            return new LayerPath(Kind.AUFS_LEFTOVER, components, new RawPath(last));
        }
        for (byte[] name : components) {
            checkDirectoryName(entry, name);
        }
        if (!LayerTree.startsWith(last, WHITEOUT_PREFIX)) {
            return new LayerPath(Kind.ORDINARY, components, new RawPath(last));
        }
        if (Arrays.equals(last, OPAQUE_NAME)) {
            return new LayerPath(Kind.OPAQUE_MARK, components, new RawPath(last));
        }
        if (LayerTree.startsWith(last, META_PREFIX)) {
            return new LayerPath(Kind.AUFS_LEFTOVER, components, new RawPath(last));
        }
        byte[] hidden = Arrays.copyOfRange(last, WHITEOUT_PREFIX.length, last.length);
        if (hidden.length == 0
                || (hidden[0] == '.' && (hidden.length == 1 || Arrays.equals(hidden, new byte[] {'.', '.'})))) {
            throw entry.corrupt("whiteout of no name");
        }
        return new LayerPath(Kind.WHITEOUT, components, new RawPath(hidden));
    }

    /** Refuses a directory that looks like a whiteout: no layer could take it away again. */
    static void checkDirectoryName(TarEntry entry, byte[] name) throws CorruptImageException {
        if (LayerTree.startsWith(name, WHITEOUT_PREFIX)) {
            throw entry.corrupt("a directory named as a whiteout: " + new RawPath(name));
        }
    }

    /** Refuses a name that a directory made on the way must not have; symbolic links can hold any. */
    static void checkName(TarEntry entry, byte[] name) throws CorruptImageException {
        if (name.length > MAX_NAME_BYTES) {
            throw entry.corrupt("name of " + name.length + " bytes, more than " + MAX_NAME_BYTES);
        }
        if (!LayerTree.startsWith(name, META_PREFIX)) {
            checkDirectoryName(entry, name);
        }
    }

    /** The components of a path, cleaned. */
    static List<byte[]> components(TarEntry entry, RawPath path) throws CorruptImageException {
        byte[] bytes = path.bytes();
        if (bytes.length == 0) {
            throw entry.corrupt("empty path");
        }
        if (bytes.length > MAX_BYTES) {
            throw entry.corrupt("path of " + bytes.length + " bytes, more than " + MAX_BYTES);
        }
        List<byte[]> components = new ArrayList<>();
        int start = 0;
        for (int i = 0; i <= bytes.length; i++) {
            if (i < bytes.length && bytes[i] == 0) {
                throw entry.corrupt("NUL in a path");
            }
            if (i == bytes.length || bytes[i] == '/') {
                push(entry, components, Arrays.copyOfRange(bytes, start, i));
                start = i + 1;
            }
        }
        return components;
    }

    private static void push(TarEntry entry, List<byte[]> components, byte[] name) throws CorruptImageException {
        if (isDot(name)) {
            return;
        }
        if (isDotDot(name)) {
            if (!components.isEmpty()) {
                components.removeLast();
            }
            return;
        }
        // A whiteout's name is never made in a file system, so that the name behind the prefix may be as long as any.
        boolean whiteout = LayerTree.startsWith(name, WHITEOUT_PREFIX) && !LayerTree.startsWith(name, META_PREFIX);
        int maxBytes = whiteout ? WHITEOUT_PREFIX.length + MAX_NAME_BYTES : MAX_NAME_BYTES;
        if (name.length > maxBytes) {
            throw entry.corrupt("name of " + name.length + " bytes, more than " + maxBytes);
        }
        components.add(name);
    }

    /** Whether a component stays where it is. */
    static boolean isDot(byte[] name) {
        return name.length == 0 || (name.length == 1 && name[0] == '.');
    }

    /** Whether a component goes up. */
    static boolean isDotDot(byte[] name) {
        return name.length == 2 && name[0] == '.' && name[1] == '.';
    }
}
