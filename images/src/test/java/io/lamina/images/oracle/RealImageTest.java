package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.lamina.images.oracle.FlattenedStack.Format;
import io.lamina.images.oracle.LayerEntry.Attributes;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.LayerEntry.Encoding;
import io.lamina.images.oracle.TreeEntry.Field;
import io.lamina.linux.ExtendedAttributes;
import io.lamina.linux.FileStatus.Timestamp;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An image whose layers umoci made of real directories, flattened and mounted, equals what umoci unpacks of it.
 *
 * <p>{@code -Dlamina.image=LAYOUT:TAG} takes any other image.
 */
final class RealImageTest {
    private static final String OTHER_IMAGE = System.getProperty("lamina.image", "");

    /** {@code umoci repack} takes what changed between two of these scripts as a layer. */
    private static final List<String> CHANGES = List.of("""
            mkdir -p etc usr/bin usr/lib/deep/er opt/old opt/gone var/spool dev
            chmod 0755 . ; chmod 01777 var/spool ; chmod 0750 opt/old
            echo base > etc/config ; echo keep > opt/old/keep ; echo gone > opt/gone/file
            head -c 300000 /dev/urandom > usr/bin/tool ; chmod 04755 usr/bin/tool
            ln usr/bin/tool usr/bin/tool-1 ; ln usr/bin/tool usr/lib/deep/er/tool
            ln -s ../bin/tool usr/lib/link ; ln -s /nowhere dangling
            head -c 4096 /dev/zero > usr/lib/zeroes ; truncate -s 1000000 usr/lib/sparse ; echo x >> usr/lib/sparse
            : > usr/lib/empty ; head -c 4097 /dev/urandom > usr/lib/page-and-one
            mknod dev/null c 1 3 ; mknod dev/loop b 7 200 ; mkfifo var/pipe
            touch "$(printf 'etc/\\377\\001 odd\\nname')" etc/.wh etc/whx "etc/$(printf '%0250d' 0)"
            chown 70000:80000 etc/config ; chown -h 1000:1000 dangling
            touch -d @-1000.25 etc/config ; touch -d '1999-12-31 23:59:59.999999999' usr/lib/empty
            """, """
            rm -r opt/gone etc/config ; mkdir etc/config ; echo inside > etc/config/now-a-directory
            rm usr/bin/tool-1 ; echo changed > usr/lib/empty ; rm -r opt/old ; echo file > opt/old
            mkdir -p usr/local/share ; ln usr/lib/zeroes usr/local/share/zeroes
            """, """
            rm opt/old ; mkdir opt/old ; echo again > opt/old/other ; chmod 0700 usr/lib/deep
            echo more > etc/config/more ; rm dangling ; mkdir dangling ; rm dev/loop
            """);

    @TempDir
    Path directory;

    @Test
    void theMountedFlattenedDeviceEqualsWhatUmociUnpacks() throws Exception {
        Machine.needsRoot();
        Machine.needsProgram("umoci", "fsck.erofs");
        Machine.needsFileSystem("erofs");
        PrivateMounts.run(mounts -> {
            Path memory = Files.createDirectories(directory.resolve("memory"));
            mounts.mount("tmpfs", memory, "tmpfs", 0, "mode=0755");
            Path layout = memory.resolve("layout");
            String tag = "made";
            if (OTHER_IMAGE.isEmpty()) {
                makeImage(layout, tag);
            } else {
                layout = Path.of(OTHER_IMAGE.substring(0, OTHER_IMAGE.lastIndexOf(':')));
                tag = OTHER_IMAGE.substring(OTHER_IMAGE.lastIndexOf(':') + 1);
            }
            UmociImage.unpack(layout, tag, memory.resolve("unpacked"));
            TreeListing unpacked = TreeListing.of(memory.resolve("unpacked"));
            assertTrue(unpacked.entries().size() > 30, "the image has something in it");

            for (Format format : List.of(Format.PLAIN, Format.TAR_INDEX)) {
                FlattenedStack flattened = FlattenedStack.ofTars(tars(layout, tag), format, directory);
                if (format == Format.PLAIN) {
                    for (Path blob : flattened.blobs()) {
                        extractsToWhatItMountsAs(mounts, blob, memory);
                    }
                }
                try (MountedErofs device = new MountedErofs(mounts, flattened.device(), memory.resolve("mounted"))) {
                    TreeListing mounted = TreeListing.of(device.root());
                    assertEquals(
                            List.of(),
                            unpacked.differences(mounted, 20, Exemption.directorySizes()),
                            () -> "format " + format);
                    assertEquals(List.of(), mounted.wrongLinkCounts());
                }
            }
        });
    }

    /** A program that reads blobs by itself is held against the kernel, in what it can extract. */
    private static void extractsToWhatItMountsAs(PrivateMounts mounts, Path blob, Path memory) throws Exception {
        Path extracted = memory.resolve("extracted");
        Command.run("fsck.erofs", "--extract=" + extracted, "--preserve", blob.toString());
        try (MountedErofs mounted = new MountedErofs(mounts, blob, memory.resolve("mounted"))) {
            Exemption names = new Exemption(
                    "fsck.erofs extracts each name for itself, sets owners last, and leaves attributes out",
                    EnumSet.of(Field.XATTRS, Field.PERMISSIONS, Field.LINK_COUNT, Field.INODE_GROUP),
                    (path, entry) -> true);
            Exemption holes = new Exemption(
                    "fsck.erofs 1.5 extracts a hole as nothing",
                    EnumSet.of(Field.SIZE, Field.CONTENT),
                    (path, entry) -> entry.type().equals("file")
                            && hasZeroBlock(mounted.root().resolve(path)));
            assertEquals(
                    List.of(),
                    TreeListing.of(mounted.root())
                            .differences(TreeListing.of(extracted), 20, Exemption.directorySizes(), names, holes));
        }
        Command.run("rm", "-r", extracted.toString());
    }

    private static boolean hasZeroBlock(Path file) {
        try (InputStream bytes = Files.newInputStream(file)) {
            byte[] zeroes = new byte[4096];
            for (byte[] block = bytes.readNBytes(4096); block.length > 0; block = bytes.readNBytes(4096)) {
                if (Arrays.equals(block, 0, block.length, zeroes, 0, block.length)) {
                    return true;
                }
            }
            return false;
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static void makeImage(Path layout, String tag) throws IOException {
        String image = layout + ":" + tag;
        Path bundle = layout.resolveSibling("bundle");
        Command.run("umoci", "init", "--layout", layout.toString());
        Command.run("umoci", "new", "--image", image);
        Command.run("umoci", "unpack", "--image", image, bundle.toString());
        for (String change : CHANGES) {
            Path rootfs = bundle.resolve("rootfs");
            Command.run("sh", "-euc", "cd '" + rootfs + "'\n" + change);
            addAttributes(rootfs);
            Command.run("umoci", "repack", "--refresh-bundle", "--image", image, bundle.toString());
        }
        // What umoci itself never writes, and other builders do: an opaque directory, and one that is only implied.
        Path tar = layout.resolveSibling("layer.tar");
        Files.write(tar, TarWriter.tar(List.of(file("usr/lib/deep/.wh..wh..opq"), file("usr/lib/deep/fresh"))));
        Command.run("umoci", "raw", "add-layer", "--image", image, tar.toString());
        Files.write(tar, TarWriter.tar(List.of(file("usr/local/share/more"), file("var/.wh.pipe"))));
        Command.run("umoci", "raw", "add-layer", "--image", image, tar.toString());
    }

    private static LayerEntry file(String path) {
        Attributes attributes =
                new Attributes(0644, 0, 0, new Timestamp(1_500_000_000, 0), Collections.emptySortedMap());
        return new LayerEntry(path, path, attributes, new Body.File(""), Encoding.PLAIN);
    }

    private static void addAttributes(Path rootfs) throws IOException {
        byte[] tool = rootfs.resolve("usr/bin/tool").toString().getBytes(UTF_8);
        byte[] directory = rootfs.resolve("usr/lib").toString().getBytes(UTF_8);
        // struct vfs_cap_data of version 2 (linux/capability.h): effective, permitted CAP_NET_RAW.
        ByteBuffer capability = ByteBuffer.allocate(20).order(ByteOrder.LITTLE_ENDIAN);
        capability.putInt(0x0200_0001).putInt(1 << 13);
        ExtendedAttributes.set(tool, "security.capability".getBytes(UTF_8), capability.array());
        ExtendedAttributes.set(tool, "user.origin".getBytes(UTF_8), "here".getBytes(UTF_8));
        ExtendedAttributes.set(directory, "trusted.note".getBytes(UTF_8), new byte[] {0, 1, (byte) 0xff});
    }

    /** The uncompressed layers of an image, base first. */
    private static List<FlattenedStack.Source> tars(Path layout, String tag) throws IOException {
        Map<String, String> index = texts(layout.resolve("index.json"));
        List<FlattenedStack.Source> tars = new ArrayList<>();
        for (int i = 0; index.containsKey("/manifests/" + i + "/digest"); i++) {
            if (tag.equals(index.get("/manifests/" + i + "/annotations/org.opencontainers.image.ref.name"))) {
                Map<String, String> manifest = texts(blob(layout, index.get("/manifests/" + i + "/digest")));
                for (int layer = 0; manifest.containsKey("/layers/" + layer + "/digest"); layer++) {
                    Path blob = blob(layout, manifest.get("/layers/" + layer + "/digest"));
                    tars.add(() -> uncompressed(blob));
                }
            }
        }
        return tars;
    }

    /** The strings of a JSON document by their JSON pointers (RFC 6901). */
    private static Map<String, String> texts(Path file) throws IOException {
        Map<String, String> texts = new HashMap<>();
        try (JsonParser parser = new JsonFactory().createParser(Files.readAllBytes(file))) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token == JsonToken.VALUE_STRING) {
                    texts.put(parser.getParsingContext().pathAsPointer().toString(), parser.getText());
                }
            }
        }
        return texts;
    }

    private static Path blob(Path layout, String digest) {
        return layout.resolve("blobs/sha256").resolve(digest.substring("sha256:".length()));
    }

    private static InputStream uncompressed(Path blob) throws IOException {
        InputStream stored = Files.newInputStream(blob);
        try {
            return new GZIPInputStream(stored);
        } catch (ZipException notCompressed) {
            stored.close();
            return Files.newInputStream(blob);
        }
    }
}
