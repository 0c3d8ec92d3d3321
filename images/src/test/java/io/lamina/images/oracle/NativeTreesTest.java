package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.PathLookup;
import io.lamina.images.layer.LayerTranscoder;
import io.lamina.images.merge.MergeObstacle;
import io.lamina.images.oci.Digest;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Random trees, written by mkfs.erofs with random options, read as they were written: by our reader, and by the kernel
 * from the flattened device. Options that the installed mkfs.erofs does not have are left out, and told.
 *
 * <p>{@code -Dlamina.trees.seed=N} starts at another seed, {@code -Dlamina.trees=1} with it replays that one.
 */
final class NativeTreesTest {
    private static final int TREES = Integer.getInteger("lamina.trees", 40);
    private static final long FIRST_SEED = Long.getLong("lamina.trees.seed", 1);
    private static final List<String> COMPRESSIONS =
            List.of("-zlz4", "-zlz4hc", "-zdeflate", "-zzstd", "-zlzma", "-zlz4:lz4hc");
    private static final List<String> EXTENTS =
            List.of("-C4096", "-C8192", "-C65536", "-C1048576", "--max-extent-bytes=65536");
    private static final List<String> EXTRAS = List.of(
            "-Elegacy-compress",
            "-Eztailpacking",
            "-Efragments",
            "-Eall-fragments",
            "-Ededupe",
            "-Efragments,dedupe",
            "-Eztailpacking,dedupe",
            "-Eforce-inode-extended",
            "-x1",
            "--xattr-prefix=user.long.",
            "--zD",
            "-Edot-omitted",
            "-E48bit",
            "-E48bit,dedupe",
            "-E48bit,fragments,dot-omitted",
            "-E48bit,all-fragments",
            "-m4096",
            "--MZ=i");
    private static final int WIDE = 300;
    private static final int[] EDGES = {0, 1, 2048, 4096, 8192, 65_536, 131_072, 262_144};

    @TempDir
    Path directory;

    @BeforeEach
    void needs() {
        Machine.needsRoot();
        Machine.needsFileSystem("erofs");
        Machine.needsProgram("mkfs.erofs");
    }

    @Test
    void everyTreeReadsAsItWasWritten() throws Exception {
        List<String> compressions = known(COMPRESSIONS);
        List<String> extents = known(EXTENTS);
        List<String> extras = known(EXTRAS);
        assertTrue(compressions.contains("-zlz4"), "mkfs.erofs compresses nothing");
        for (long seed = FIRST_SEED; seed < FIRST_SEED + TREES; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            Path tree = Files.createDirectory(directory.resolve("tree"));
            Map<String, byte[]> files = generate(random, tree);
            List<String> options =
                    new ArrayList<>(List.of(pick(compressions, random), pick(extents, random), pick(extras, random)));
            Path image = directory.resolve("image");
            String what = "seed " + seed + " " + options;
            mkfs(options, image, tree);
            read(what, image, files);
            mount(what, image, tree);
            Command.run("rm", "-rf", tree.toString(), image.toString());
        }
    }

    private List<String> known(List<String> options) throws IOException {
        Path probe = Files.createDirectories(directory.resolve("probe"));
        Files.writeString(probe.resolve("file"), "text ".repeat(3000));
        List<String> known = new ArrayList<>();
        for (String option : options) {
            try {
                List<String> all = new ArrayList<>(List.of(option));
                if (!option.startsWith("-z")) {
                    all.add("-zlz4");
                }
                mkfs(all, directory.resolve("probed"), probe);
                known.add(option);
            } catch (IOException failure) {
                System.out.println("mkfs.erofs here has no " + option + ", which is left out: " + failure.getMessage());
            }
        }
        return known;
    }

    private static String pick(List<String> options, SplittableRandom random) {
        return options.get(random.nextInt(options.size()));
    }

    private static void mkfs(List<String> options, Path image, Path tree) throws IOException {
        Files.deleteIfExists(image);
        List<String> command = new ArrayList<>(List.of("mkfs.erofs", "--quiet"));
        command.addAll(options);
        command.add(image.toString());
        command.add(tree.toString());
        Command.run(command);
    }

    private static Map<String, byte[]> generate(SplittableRandom random, Path tree) throws IOException {
        byte[] shared = content(random, 40_000);
        Map<String, byte[]> files = new TreeMap<>();
        int count = random.nextInt(5, 25);
        for (int i = 0; i < count; i++) {
            int size = random.nextInt(3) == 0
                    ? random.nextInt(1 << random.nextInt(1, 19))
                    : Math.max(0, EDGES[random.nextInt(EDGES.length)] + random.nextInt(-2, 3));
            byte[] bytes = content(random, size);
            if (random.nextInt(3) == 0) {
                int length = Math.min(size, shared.length);
                System.arraycopy(shared, 0, bytes, size - length, length);
            }
            Path file = tree.resolve("file" + i);
            Files.write(file, bytes);
            for (int j = random.nextInt(4); j > 0; j--) {
                byte[] value = new byte[random.nextInt(1, 30)];
                random.nextBytes(value);
                Files.setAttribute(file, "user:long." + "n".repeat(random.nextInt(1, 20)), value);
            }
            files.put("file" + i, bytes);
        }
        Files.createLink(tree.resolve("hard"), tree.resolve("file0"));
        files.put("hard", files.get("file0"));
        if (random.nextBoolean()) { // a directory of several blocks
            Path wide = Files.createDirectory(tree.resolve("wide"));
            for (int i = 0; i < WIDE; i++) {
                Files.createLink(wide.resolve("a-name-that-compresses-" + i), tree.resolve("file0"));
            }
            files.put("wide/a-name-that-compresses-" + (WIDE - 1), files.get("file0"));
        }
        // Some versions of mkfs.erofs keep no parts of seconds.
        FileTime time = FileTime.from(random.nextInt(1, Integer.MAX_VALUE), TimeUnit.SECONDS);
        for (String name : files.keySet()) {
            Files.setLastModifiedTime(tree.resolve(name), time);
        }
        if (Files.exists(tree.resolve("wide"))) {
            Files.setLastModifiedTime(tree.resolve("wide"), time);
        }
        Files.setLastModifiedTime(tree, time);
        return files;
    }

    /** Runs of text, noise, zeroes and one byte. */
    private static byte[] content(SplittableRandom random, int size) {
        ByteBuffer content = ByteBuffer.allocate(size);
        int words = random.nextInt(2, 300);
        while (content.hasRemaining()) {
            byte[] run = new byte[Math.min(content.remaining(), random.nextInt(1, 50_000))];
            switch (random.nextInt(5)) {
                case 0 -> random.nextBytes(run);
                case 1 -> {} // zeroes
                case 2 -> Arrays.fill(run, (byte) random.nextInt());
                default -> {
                    for (int at = 0; at < run.length; ) {
                        byte[] word = ("word" + random.nextInt(words) + ' ').getBytes(ISO_8859_1);
                        int length = Math.min(word.length, run.length - at);
                        System.arraycopy(word, 0, run, at, length);
                        at += length;
                    }
                }
            }
            content.put(run);
        }
        return content.array();
    }

    private static void read(String what, Path path, Map<String, byte[]> files) throws IOException {
        try (FileChannel file = FileChannel.open(path, READ)) {
            ErofsImage image = ErofsImage.open(what, file);
            for (Map.Entry<String, byte[]> entry : files.entrySet()) {
                Inode inode = PathLookup.find(image, entry.getKey().getBytes(ISO_8859_1), entry.getKey(), false);
                ByteBuffer read = ByteBuffer.allocate(entry.getValue().length + 1);
                assertEquals(entry.getValue().length, image.read(inode, 0, read), what);
                assertArrayEquals(
                        entry.getValue(),
                        Arrays.copyOf(read.array(), read.position()),
                        () -> what + " " + entry.getKey());
            }
        }
    }

    private void mount(String what, Path image, Path tree) throws Exception {
        Path layer = image;
        try (FileChannel source = FileChannel.open(image, READ)) {
            ErofsImage opened = ErofsImage.open(what, source);
            if (MergeObstacle.of(opened) != null) {
                layer = directory.resolve("copy");
                try (FileChannel out = fresh("copy");
                        FileChannel leaves = fresh("leaves");
                        FileChannel recipe = fresh("recipe")) {
                    LayerTranscoder.transcode(opened, out, leaves, recipe);
                }
            }
        }
        Path device = FlattenedStack.ofBlobs(List.of(layer), List.of(Digest.ofContent(new byte[0])), directory)
                .device();
        PrivateMounts.run(mounts -> {
            TreeListing expected = TreeListing.of(tree);
            try (MountedErofs mounted = new MountedErofs(mounts, device, directory.resolve("mounted"))) {
                TreeListing found = TreeListing.of(mounted.root());
                assertEquals(List.of(), expected.differences(found, 5, Exemption.directorySizes()), what);
            }
        });
    }

    private FileChannel fresh(String name) throws IOException {
        return FileChannel.open(directory.resolve(name), CREATE, TRUNCATE_EXISTING, READ, WRITE);
    }
}
