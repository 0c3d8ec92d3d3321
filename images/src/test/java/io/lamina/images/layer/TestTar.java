package io.lamina.images.layer;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.lamina.images.oracle.LayerEntry;
import io.lamina.images.oracle.LayerEntry.Attributes;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.LayerEntry.Encoding;
import io.lamina.images.oracle.TarWriter;
import io.lamina.linux.FileStatus.Timestamp;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** A tar with few words: entries of owner 0:0 with mode 0755 or 0644 and time 7, unless told otherwise. */
public final class TestTar {
    private final List<LayerEntry> entries = new ArrayList<>();

    public TestTar directory(String path) {
        return entry(path, 0755, new Body.Directory());
    }

    public TestTar file(String path, String content) {
        return entry(path, 0644, new Body.File(content));
    }

    public TestTar symlink(String path, String target) {
        return entry(path, 0777, new Body.SymbolicLink(target));
    }

    public TestTar hardLink(String path, String target) {
        return entry(path, 0644, new Body.HardLink(target, target));
    }

    public TestTar whiteout(String path) {
        int slash = path.lastIndexOf('/') + 1;
        return file(path.substring(0, slash) + ".wh." + path.substring(slash), "");
    }

    public TestTar entry(String path, int permissions, Body body) {
        return entry(path, permissions, body, Collections.emptySortedMap());
    }

    public TestTar withXattr(String path, Body body, String name, String value) {
        SortedMap<String, byte[]> xattrs = new TreeMap<>();
        xattrs.put(name, value.getBytes(ISO_8859_1));
        return entry(path, 0755, body, xattrs);
    }

    private TestTar entry(String path, int permissions, Body body, SortedMap<String, byte[]> xattrs) {
        Attributes attributes = new Attributes(permissions, 0, 0, new Timestamp(7, 0), xattrs);
        entries.add(new LayerEntry(path, path, attributes, body, Encoding.PLAIN));
        return this;
    }

    public byte[] bytes() {
        return TarWriter.tar(entries);
    }
}
