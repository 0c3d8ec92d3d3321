package io.lamina.vmtests.attacks;

import io.lamina.host.flatten.LayerFileSet.LayerFile;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.UpperLayer;
import io.lamina.images.statement.Validity;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** The images that attacks are made of: a shell, files that show which image is read, and layers that can be swapped. */
final class AttackImages {
    /** The name of the image that the guest's policy allows. */
    static final String REFERENCE = "registry.example/app";

    /** What only the honest image has. */
    static final String SECRET = "the right secret";

    /** Ends well only if everything could be read. */
    private static final String CONFIG =
            config("for f in /data/* /etc/*; do cat $f >/dev/null || exit 9; done; echo DONE");

    private final Path directory;

    /** The honest image: version 2, two layers, a writable layer in memory. */
    final AttackImage app;
    /** The same reference, an older version, another secret. */
    final AttackImage older;
    /** Another image, over the same base. */
    final AttackImage other;
    /** The honest image's tars with indexes: blocks of 512 bytes. */
    final AttackImage indexed;
    /** The honest image without a writable layer. */
    final AttackImage readOnly;
    /** The honest image, whose writable layer may lie on a disk. */
    final AttackImage scratch;
    /** An image without a writable layer and without a place for {@code /proc}. */
    final AttackImage bare;
    /** An image that has a link where the agent mounts. */
    final AttackImage linked;

    AttackImages(Path directory) throws IOException, InterruptedException {
        this.directory = directory;
        Path base = tree("base", "bin", "etc", "data", "proc", "sys", "dev");
        Files.copy(Path.of("/bin/busybox"), base.resolve("bin/busybox"));
        Files.writeString(base.resolve("etc/motd"), "hello\n");
        Path top = tree("top", "data");
        write(top.resolve("data/secret"), SECRET);
        write(top.resolve("data/second"), "second file");
        run(
                "setfattr",
                "-n",
                "user.mark",
                "-v",
                "xattr of the secret",
                top.resolve("data/secret").toString());
        Path old = tree("old", "data");
        write(old.resolve("data/secret"), "the leaked secret");
        write(old.resolve("data/second"), "second file");
        Path evil = tree("evil", "data");
        write(evil.resolve("data/secret"), "the false secret!");
        write(evil.resolve("data/second"), "second file");
        Path link = tree("link", "data");
        write(link.resolve("data/second"), "second file");
        Files.createSymbolicLink(link.resolve("proc"), Path.of("/tmp"));

        List<LayerFile> honest = List.of(layer("base"), layer("top"));
        app = image("app", honest, terms(REFERENCE, 2, UpperLayer.MEMORY));
        older = image("older", List.of(layer("base"), layer("old")), terms(REFERENCE, 1, UpperLayer.MEMORY));
        other = image(
                "other", List.of(layer("base"), layer("evil")), terms("registry.example/other", 9, UpperLayer.MEMORY));
        indexed = image("indexed", List.of(index("base"), index("top")), terms(REFERENCE, 2, UpperLayer.MEMORY));
        readOnly = image("read-only", honest, terms(REFERENCE, 2, UpperLayer.NONE));
        scratch = image("scratch", honest, terms(REFERENCE, 2, UpperLayer.SCRATCH));
        bare = image("bare", List.of(layer("top")), terms(REFERENCE, 2, UpperLayer.NONE));
        linked = image("linked", List.of(layer("base"), layer("link")), terms(REFERENCE, 2, UpperLayer.MEMORY));
    }

    static ImageStatement.Terms terms(String reference, long version, UpperLayer upperLayer) {
        return new ImageStatement.Terms(reference, version, upperLayer, Validity.ALWAYS);
    }

    /** A configuration whose command is a shell's. */
    static String config(String script) {
        return "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},\"config\":{\"Env\":[\"PATH=/bin\"],"
                + "\"Entrypoint\":[\"/bin/busybox\",\"sh\",\"-c\",\"cat() { /bin/busybox cat $@; }; " + script
                + "\"]}}";
    }

    /** The tar of {@code tree}. */
    byte[] tarOf(String tree) throws IOException, InterruptedException {
        return Files.readAllBytes(tar(tree));
    }

    private AttackImage image(String name, List<LayerFile> layers, ImageStatement.Terms terms) throws IOException {
        return AttackImage.of(Files.createDirectory(directory.resolve("image-" + name)), layers, terms, CONFIG);
    }

    private Path tree(String name, String... directories) throws IOException {
        Path tree = Files.createDirectory(directory.resolve(name));
        for (String child : directories) {
            Files.createDirectory(tree.resolve(child));
        }
        return tree;
    }

    /** One block of its own for each file. */
    private static void write(Path file, String mark) throws IOException {
        Files.writeString(file, mark + " ".repeat(4096 - mark.getBytes(StandardCharsets.UTF_8).length));
    }

    private LayerFile layer(String tree) throws IOException, InterruptedException {
        Path blob = directory.resolve(tree + ".erofs");
        if (Files.notExists(blob)) {
            try (InputStream tar = Files.newInputStream(tar(tree));
                    FileChannel target = open(blob);
                    FileChannel leaves = open(directory.resolve(tree + ".leaves"))) {
                LayerConverter.convert(tar, target, leaves);
            }
        }
        return new LayerFile(blob, blob);
    }

    private LayerFile index(String tree) throws IOException, InterruptedException {
        Path index = directory.resolve(tree + ".index");
        try (InputStream tar = Files.newInputStream(tar(tree));
                FileChannel target = open(index)) {
            LayerConverter.index(tar, target);
        }
        return new LayerFile(index, tar(tree));
    }

    private Path tar(String tree) throws IOException, InterruptedException {
        Path tar = directory.resolve(tree + ".tar");
        if (Files.notExists(tar)) {
            run(
                    "tar",
                    "--xattrs",
                    "--sort=name",
                    "--owner=0",
                    "--group=0",
                    "-C",
                    directory.resolve(tree).toString(),
                    "-cf",
                    tar.toString(),
                    ".");
        }
        return tar;
    }

    private static FileChannel open(Path file) throws IOException {
        return FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    static void run(String... line) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(line).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", line) + ": " + output);
        }
    }
}
