package io.lamina.shim.ext4;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.oracle.FlattenedStack;
import io.lamina.images.oracle.LayerStack;
import io.lamina.images.oracle.LayerStacks;
import io.lamina.images.oracle.TreeListing;
import io.lamina.images.testing.Programs;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The kernel and e2fsck judge what becomes of random stacks of layers, and of trees that reach the format's limits.
 *
 * <p>{@code -Dlamina.stacks.seed=N -Dlamina.stacks=1} replays one stack.
 */
final class Ext4ImageTest {
    private static final int STACKS = Integer.getInteger("lamina.stacks", 40);
    private static final long FIRST_SEED = Long.getLong("lamina.stacks.seed", 1);

    @TempDir
    Path directory;

    @BeforeEach
    void needs() {
        Machine.needsRoot();
        Machine.needsFileSystem("erofs");
        Machine.needsFileSystem("ext4");
        Machine.needsProgram("e2fsck", "mkfs.erofs");
    }

    @Test
    void everyStackIsTheSameTreeInExt4() throws Exception {
        PrivateMounts.run(mounts -> {
            Ext4Judge judge = new Ext4Judge(mounts, directory);
            for (long seed = FIRST_SEED; seed < FIRST_SEED + STACKS; seed++) {
                LayerStack stack = LayerStacks.generate(seed, LayerStacks.Judge.OVERLAYFS);
                FlattenedStack flat = FlattenedStack.build(stack.tars(), FlattenedStack.Format.PLAIN, directory);
                Path ext4 = judge.write(flat.device(), "image");
                judge.judge(flat.device(), ext4, "seed " + seed);
                assertEquals(-1, Files.mismatch(ext4, judge.write(flat.device(), "again")), "seed " + seed);
                flat.delete();
            }
        });
    }

    /** More inodes than a group has, a directory of many blocks, and data by the way of one group after the other. */
    @Test
    void manyInodesAndBlocksFillSeveralGroups() throws Exception {
        Path tree = Files.createDirectories(directory.resolve("tree"));
        Path many = Files.createDirectories(tree.resolve("many"));
        for (int i = 0; i < 40_000; i++) {
            Files.createFile(many.resolve("a file of a longer name " + i));
        }
        try (RandomAccessFile large = new RandomAccessFile(tree.resolve("large").toFile(), "rw")) {
            byte[] piece = new byte[1 << 20];
            for (int i = 0; i < 200; i++) {
                new Random(i).nextBytes(piece);
                large.write(piece);
            }
        }
        TreeListing found = judgeTree(tree);
        assertEquals(40_003, found.entries().size());
    }

    /** Thousands of extents, for which the tree in the inode has two levels of blocks below it. */
    @Test
    void aFileOfManyHolesHasADeepExtentTree() throws Exception {
        Path tree = Files.createDirectories(directory.resolve("tree"));
        try (RandomAccessFile file = new RandomAccessFile(tree.resolve("holes").toFile(), "rw")) {
            for (int i = 0; i < 3000; i++) {
                file.seek(i * 8192L);
                file.write(("block " + i).getBytes(StandardCharsets.US_ASCII));
            }
            file.setLength(3000 * 8192L);
        }
        Path tar = directory.resolve("holes.tar");
        Programs.run("tar", "--sparse", "-cf", tar.toString(), "-C", tree.toString(), ".");
        FlattenedStack flat =
                FlattenedStack.build(List.of(Files.readAllBytes(tar)), FlattenedStack.Format.PLAIN, directory);
        PrivateMounts.run(mounts -> {
            Ext4Judge judge = new Ext4Judge(mounts, directory);
            judge.judge(flat.device(), judge.write(flat.device(), "image"), "holes");
        });
        String extents = Programs.run(
                "debugfs", "-R", "extents /holes", directory.resolve("image").toString());
        assertTrue(extents.contains("0/ 2"), extents.lines().limit(4).toList().toString());
    }

    @Test
    void compressedFilesAreReadAndAttributesFindRoom() throws Exception {
        Machine.needsProgram("setfattr", "setfacl");
        Path tree = Files.createDirectories(directory.resolve("tree"));
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 50_000; i++) {
            text.append("line ").append(i).append('\n');
        }
        for (int i = 0; i < 1030; i++) {
            Path file = Files.writeString(tree.resolve("f" + i), i % 200 == 0 ? text : "short " + i);
            // More than a block of attributes may be shared by, and too much for an inode.
            Programs.run("setfattr", "-n", "user.long", "-v", "x".repeat(100), file.toString());
        }
        Programs.run(
                "setfattr",
                "-n",
                "user.own",
                "-v",
                "y".repeat(3000),
                tree.resolve("f7").toString());
        Programs.run("setfattr", "-n", "user.empty", tree.resolve("f8").toString());
        Programs.run("setfacl", "-m", "u:1234:rwx,g:4321:r", tree.resolve("f9").toString());
        Programs.run("setfacl", "-d", "-m", "u:70000:rx", tree.toString());
        judgeTree(tree, "-zlz4hc");
    }

    /** Values beyond a block, of which one is shared, and one file whose other attributes fill a block beside it. */
    @Test
    void longValuesGetInodesOfTheirOwn() throws Exception {
        Machine.needsProgram("debugfs");
        PrivateMounts.run(mounts -> {
            Path tree = tmpfsTree(mounts);
            String longest = "z".repeat(65_000);
            Map<String, Map<String, String>> files = Map.of(
                    "two", Map.of("trusted.a", "x".repeat(3000), "trusted.b", "x".repeat(1100)),
                    "long", Map.of("user.long", longest),
                    "again", Map.of("trusted.other", longest, "user.short", "y"),
                    "many", Map.of("user.a", longest, "user.b", "b".repeat(3900), "user.c", "c".repeat(5000)));
            for (var file : files.entrySet()) {
                Path path = Files.createFile(tree.resolve(file.getKey()));
                for (var attribute : file.getValue().entrySet()) {
                    setAttribute(path, attribute.getKey(), attribute.getValue());
                }
            }
            setAttribute(Files.createDirectory(tree.resolve("directory")), "user.long", longest);
            Path erofs = erofs(tree);
            Ext4Judge judge = new Ext4Judge(mounts, directory);
            judge.judge(erofs, judge.write(erofs, "image"), "long values");
        });
        String image = directory.resolve("image").toString();
        assertTrue(Programs.run("debugfs", "-R", "features", image).contains("ea_inode"));
        assertTrue(
                Programs.run("debugfs", "-R", "ea_list /long", image).contains("(65000)"),
                Programs.run("debugfs", "-R", "ea_list /long", image));
    }

    @Test
    void whatExt4CannotHoldIsRefused() throws Exception {
        PrivateMounts.run(mounts -> {
            Path tree = tmpfsTree(mounts);
            Path file = Files.createFile(tree.resolve("file"));
            for (int i = 0; i < 20; i++) {
                setAttribute(file, "user." + i + "n".repeat(240), "value " + i);
            }
            Path erofs = erofs(tree);
            Ext4Judge judge = new Ext4Judge(mounts, directory);
            Throwable refused = assertThrows(UnsupportedImageException.class, () -> judge.write(erofs, "image"));
            assertTrue(refused.getMessage().contains("do not fit one block"), refused.getMessage());
        });
    }

    /** A directory whose file system takes attributes of any length. */
    private Path tmpfsTree(PrivateMounts mounts) throws IOException {
        Machine.needsProgram("setfattr");
        Path tree = Files.createDirectories(directory.resolve("tree"));
        mounts.mount("tmpfs", tree, "tmpfs", 0, "");
        return tree;
    }

    private static void setAttribute(Path file, String name, String value) throws IOException, InterruptedException {
        Programs.run("setfattr", "-n", name, "-v", value, file.toString());
    }

    private TreeListing judgeTree(Path tree, String... options) throws Exception {
        Path erofs = erofs(tree, options);
        TreeListing[] found = new TreeListing[1];
        PrivateMounts.run(mounts -> {
            Ext4Judge judge = new Ext4Judge(mounts, directory);
            found[0] = judge.judge(erofs, judge.write(erofs, "image"), tree.toString());
        });
        return found[0];
    }

    private Path erofs(Path tree, String... options) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of("mkfs.erofs", "--quiet"));
        words.addAll(List.of(options));
        Path image = directory.resolve("tree.erofs");
        words.addAll(List.of(image.toString(), tree.toString()));
        Programs.run(words.toArray(String[]::new));
        return image;
    }
}
