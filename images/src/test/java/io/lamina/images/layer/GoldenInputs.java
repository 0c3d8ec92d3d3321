package io.lamina.images.layer;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import io.lamina.images.oci.Digest;
import io.lamina.images.oracle.LayerEntry;
import io.lamina.images.oracle.LayerEntry.Attributes;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.LayerEntry.Encoding;
import io.lamina.images.oracle.TarWriter;
import io.lamina.linux.FileStatus.DeviceNumber;
import io.lamina.linux.FileStatus.Timestamp;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Fixed tars, and the digests of all that is made of them; a program, too, so that another JVM can be asked. */
final class GoldenInputs {
    private GoldenInputs() {}

    /** Prints a line for each digest. The only argument is a directory for files. */
    public static void main(String[] arguments) throws IOException {
        digests(Path.of(arguments[0])).forEach((what, digest) -> System.out.println(what + " " + digest));
    }

    /** The digest of each blob, its leaves and index, and of the fsmeta over all blobs; in a fixed order. */
    static Map<String, String> digests(Path scratch) throws IOException {
        Map<String, String> digests = new LinkedHashMap<>();
        List<Path> blobs = new ArrayList<>();
        for (Map.Entry<String, byte[]> input : tars().entrySet()) {
            Path blob = scratch.resolve(input.getKey());
            blobs.add(blob);
            convert(input.getValue(), blob);
            for (String part : List.of("blob", "leaves", "index")) {
                Path file = part.equals("blob") ? blob : blob.resolveSibling(input.getKey() + "." + part);
                digests.put(input.getKey() + " " + part, hex(file));
            }
        }
        Path fsmeta = scratch.resolve("fsmeta");
        merge(blobs, fsmeta);
        digests.put("all fsmeta", hex(fsmeta));
        return digests;
    }

    private static void convert(byte[] tar, Path blob) throws IOException {
        String name = blob.getFileName().toString();
        try (FileChannel out = open(blob);
                FileChannel leaves = open(blob.resolveSibling(name + ".leaves"));
                FileChannel index = open(blob.resolveSibling(name + ".index"))) {
            LayerConverter.convert(new ByteArrayInputStream(tar), out, leaves);
            LayerConverter.index(new ByteArrayInputStream(tar), index);
        }
    }

    private static void merge(List<Path> blobs, Path fsmeta) throws IOException {
        List<FileChannel> open = new ArrayList<>();
        try (FileChannel out = open(fsmeta)) {
            List<LayerImage> layers = new ArrayList<>();
            for (Path blob : blobs) {
                open.add(FileChannel.open(blob, READ));
                String name = blob.getFileName().toString();
                layers.add(new LayerImage(ErofsImage.open(name, open.getLast()), "%064d".formatted(layers.size())));
            }
            Merger.merge(layers, out);
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
    }

    private static FileChannel open(Path file) throws IOException {
        return FileChannel.open(file, CREATE, READ, WRITE);
    }

    private static String hex(Path file) throws IOException {
        return Digest.ofContent(Files.readAllBytes(file)).hex().substring(0, 32);
    }

    /** Ten tars, each with something of its own. */
    private static Map<String, byte[]> tars() {
        Map<String, byte[]> tars = new LinkedHashMap<>();
        tars.put("nothing", new TestTar().bytes());
        tars.put("implied", new TestTar().file("usr/local/x", "hello").bytes());
        tars.put(
                "noise",
                new TestTar()
                        .file("noise", noise(5_000_001))
                        .file("more", noise(12_345))
                        .bytes());
        tars.put(
                "holes",
                new TestTar()
                        .file("a", zeroes(1_000_000) + noise(9000) + zeroes(70_000))
                        .bytes());
        tars.put("many", many());
        tars.put("xattrs", xattrs());
        tars.put("links", links());
        tars.put("whiteouts", whiteouts());
        tars.put("odd", odd());
        tars.put("sparse", sparse());
        return tars;
    }

    private static byte[] many() {
        TestTar tar = new TestTar().directory("./");
        for (int i = 0; i < 6000; i++) {
            tar.file("directory-" + i % 11 + "/below/a-file-with-a-name-" + i, noise(i % 977));
        }
        return tar.bytes();
    }

    private static byte[] xattrs() {
        TestTar tar = new TestTar().withXattr("./", new Body.Directory(), "user.root", "r");
        for (int i = 0; i < 40; i++) {
            tar.withXattr("d" + i, new Body.Directory(), "security.selinux", "system_u:object_r:bin_t:s0");
            tar.withXattr("f" + i, new Body.File("x" + i), "user.own-" + i % 7, "value " + i);
        }
        return tar.bytes();
    }

    private static byte[] links() {
        return new TestTar()
                .file("a", noise(5000))
                .hardLink("b", "a")
                .hardLink("c/d", "b")
                .symlink("short", "a")
                .symlink("long", "t/".repeat(2000) + "end")
                .entry("null", 0666, new Body.Device(false, new DeviceNumber(1, 3)))
                .entry("disk", 0660, new Body.Device(true, new DeviceNumber(259, 300_000)))
                .entry("pipe", 0600, new Body.Fifo())
                .bytes();
    }

    private static byte[] whiteouts() {
        return new TestTar()
                .whiteout("a")
                .whiteout("usr/local/gone")
                .file("directory-3/.wh..wh..opq", "")
                .file("directory-3/new", "n")
                .whiteout("links/none")
                .file("f", "first")
                .file("f", "second")
                .bytes();
    }

    private static byte[] odd() {
        List<LayerEntry> entries = new ArrayList<>();
        entries.add(odd("n".repeat(255), new Timestamp(-77, 5), 0, Encoding.PAX));
        entries.add(odd("\u00ff\u0001 \n*", new Timestamp(1L << 33, 999_999_999), 4_000_000_000L, Encoding.PAX));
        entries.add(odd("gnu/" + "g".repeat(200), new Timestamp(12, 0), 70_000, Encoding.GNU));
        entries.add(odd("after", new Timestamp(12, 0), 7, Encoding.LIBARCHIVE));
        return TarWriter.tar(entries);
    }

    private static LayerEntry odd(String path, Timestamp modified, long owner, Encoding encoding) {
        Attributes attributes = new Attributes(0644, owner, owner, modified, Collections.emptySortedMap());
        return new LayerEntry(path, path, attributes, new Body.File(noise(300)), encoding);
    }

    private static byte[] sparse() {
        List<LayerEntry> entries = new ArrayList<>();
        for (Encoding encoding : List.of(
                Encoding.SPARSE_GNU, Encoding.SPARSE_PAX_0_0, Encoding.SPARSE_PAX_0_1, Encoding.SPARSE_PAX_1_0)) {
            String content = zeroes(100_000) + noise(5000) + zeroes(8192) + noise(1);
            Attributes attributes = new Attributes(0600, 1, 2, new Timestamp(3, 0), Collections.emptySortedMap());
            entries.add(new LayerEntry(encoding.name(), encoding.name(), attributes, new Body.File(content), encoding));
        }
        return TarWriter.tar(entries);
    }

    private static String zeroes(int count) {
        return "\0".repeat(count);
    }

    /** Bytes that no generator of the platform makes: xorshift32 from a fixed start. */
    private static String noise(int count) {
        StringBuilder bytes = new StringBuilder(count);
        int state = 0x1234567;
        for (int i = 0; i < count; i++) {
            state ^= state << 13;
            state ^= state >>> 17;
            state ^= state << 5;
            bytes.append((char) (state & 0xFF));
        }
        return bytes.toString();
    }
}
