package io.lamina.host.containerd;

import io.lamina.host.ops.Configuration;
import io.lamina.images.oci.Digest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;

/** A directory as containerd keeps content in, without a containerd: layers for the differ to read. */
record ContentDirectory(Path root) {
    static final String GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
    static final String TAR = "application/vnd.oci.image.layer.v1.tar";

    /** What a daemon must be told to read from here. */
    Configuration configuration() {
        return Configuration.empty().with("containerd.root", root.toString()).with("containerd.socket", "/nonexistent");
    }

    /** Adds content. */
    Digest add(byte[] content) throws IOException {
        Digest digest = Digest.ofContent(content);
        Path blobs = Files.createDirectories(root.resolve("io.containerd.content.v1.content/blobs/sha256"));
        Files.write(blobs.resolve(digest.hex()), content);
        return digest;
    }

    /** The tar of what {@code script} makes in an empty directory. */
    static byte[] tar(Path work, String script) throws IOException, InterruptedException {
        Path tree = Files.createTempDirectory(work, "tree-");
        MountedSnapshot.shell(tree, script);
        Path tar = work.resolve("layer.tar");
        MountedSnapshot.shell(tree, "tar --sort=name --numeric-owner -cf " + tar + " .");
        MountedSnapshot.shell(work, "rm -rf " + tree);
        return Files.readAllBytes(tar);
    }

    static byte[] gzip(byte[] content) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            out.write(content);
        }
        return bytes.toByteArray();
    }
}
