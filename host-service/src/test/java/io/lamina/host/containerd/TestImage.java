package io.lamina.host.containerd;

import io.lamina.images.oci.Digest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;

/** An OCI image that runs on a static busybox, of layers that hide, replace and imply things; made by GNU tar and gzip. */
final class TestImage {
    private final Path layout;
    private final List<String> layers = new ArrayList<>();
    private final List<String> diffIds = new ArrayList<>();

    private TestImage(Path layout) {
        this.layout = layout;
    }

    /** Three layers in a layout at {@code directory}. */
    static TestImage make(Path directory) throws IOException, InterruptedException {
        TestImage image = new TestImage(directory);
        Files.createDirectories(directory.resolve("blobs/sha256"));
        Path work = Files.createTempDirectory(directory, "work-");
        image.layer(
                work,
                "mkdir -p bin etc usr/share/doc var/tmp root tmp proc sys dev; chmod 1777 tmp; chmod 700 root; chmod 751 .;"
                        + " chmod 711 usr; chown 3:4 usr/share; cp $(command -v busybox) bin/busybox;"
                        + " for a in sh cat ls find echo sleep id rm mv mkdir sha256sum touch; do ln -s busybox bin/$a; done;"
                        + " echo root:x:0:0:root:/root:/bin/sh > etc/passwd; echo guest:x:1000:50::/:/bin/sh >> etc/passwd;"
                        + " echo gone > etc/gone; mkdir usr/share/doc/all; touch usr/share/doc/all/1 usr/share/doc/all/2; ln etc/gone etc/kept",
                ".");
        image.layer(
                work,
                "mkdir -p etc usr/share/doc/all usr/local/bin; touch etc/.wh.gone usr/share/doc/all/.wh..wh..opq usr/share/doc/all/3;"
                        + " echo v2 > usr/local/bin/tool; chmod 755 usr/local/bin/tool",
                // Directories are implied, but for the one that is opaque.
                "etc/.wh.gone usr/share/doc/all usr/local/bin/tool");
        image.layer(
                work,
                "mkdir -p etc; echo v3 > etc/release; ln -s release etc/link; mkfifo etc/pipe",
                "etc/release etc/link etc/pipe");
        image.write();
        return image;
    }

    /** Makes a layer out of what {@code script} makes in an empty directory. */
    private void layer(Path work, String script, String members) throws IOException, InterruptedException {
        Path tree = Files.createTempDirectory(work, "tree-");
        MountedSnapshot.shell(tree, script);
        Path stored = work.resolve("layer.tar.gz");
        MountedSnapshot.shell(tree, "tar --sort=name --numeric-owner -cf - " + members + " | gzip -n > " + stored);
        add(Files.readAllBytes(stored));
        MountedSnapshot.shell(work, "rm -rf " + tree);
    }

    /** Adds a layer, stored with gzip. */
    void add(byte[] gzip) throws IOException {
        Digest digest = Digest.ofContent(gzip);
        Files.write(layout.resolve("blobs/sha256/" + digest.hex()), gzip);
        try (InputStream tar = new GZIPInputStream(new ByteArrayInputStream(gzip))) {
            diffIds.add("\"" + Digest.ofContent(tar.readAllBytes()) + "\"");
        }
        layers.add(descriptor("application/vnd.oci.image.layer.v1.tar+gzip", digest, gzip.length));
    }

    /** Writes configuration, manifest and index of the layers so far. */
    void write() throws IOException {
        String config =
                "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"PATH=/bin\"],\"Cmd\":[\"/bin/sh\"]},"
                        + "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" + String.join(",", diffIds) + "]}}";
        String manifest =
                "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":"
                        + blob("application/vnd.oci.image.config.v1+json", config) + ",\"layers\":["
                        + String.join(",", layers)
                        + "]}";
        String index = "{\"schemaVersion\":2,\"manifests\":["
                + blob("application/vnd.oci.image.manifest.v1+json", manifest)
                        .replaceFirst("}$", ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"latest\"}}")
                + "]}";
        Files.writeString(layout.resolve("index.json"), index);
        Files.writeString(layout.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
    }

    private String blob(String mediaType, String content) throws IOException {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        Digest digest = Digest.ofContent(bytes);
        Files.write(layout.resolve("blobs/sha256/" + digest.hex()), bytes);
        return descriptor(mediaType, digest, bytes.length);
    }

    private static String descriptor(String mediaType, Digest digest, int sizeBytes) {
        return "{\"mediaType\":\"" + mediaType + "\",\"digest\":\"" + digest + "\",\"size\":" + sizeBytes + "}";
    }

    Path layout() {
        return layout;
    }

    int layers() {
        return layers.size();
    }
}
