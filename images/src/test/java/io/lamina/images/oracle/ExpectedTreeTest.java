package io.lamina.images.oracle;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.images.oracle.LayerStacks.Judge;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The model is held against umoci, which applies layers one after the other to a real directory. */
final class ExpectedTreeTest {
    private static final int STACKS = Integer.getInteger("lamina.umoci.stacks", 40);
    private static final long FIRST_SEED = Long.getLong("lamina.umoci.seed", 1);

    @TempDir
    Path directory;

    @Test
    void theModelEqualsWhatUmociUnpacks() throws Exception {
        Machine.needsRoot();
        Machine.needsProgram("umoci");
        PrivateMounts.run(mounts -> {
            for (long seed = FIRST_SEED; seed < FIRST_SEED + STACKS; seed++) {
                // In memory, so that device nodes, attributes and odd names vanish with the mount.
                mounts.mount("tmpfs", directory, "tmpfs", 0, "mode=0755");
                LayerStack stack = LayerStacks.generate(seed, Judge.UMOCI);
                ExpectedTree expected = stack.expected();

                UmociImage.write(directory.resolve("layout"), stack.tars()).unpack(directory.resolve("rootfs"));
                List<String> differences = expected.listing()
                        .differences(
                                TreeListing.of(directory.resolve("rootfs")),
                                10,
                                Exemption.directorySizes(),
                                Exemption.neverExplicit(expected.invented()));

                assertEquals(List.of(), differences, () -> "seed " + stack.seed() + "\n" + stack.describe());
                mounts.unmount(directory);
            }
        });
    }

    @Test
    void aSeedAlwaysGivesTheSameLayers() {
        for (long seed = 1; seed <= 20; seed++) {
            List<byte[]> once = LayerStacks.generate(seed, Judge.OVERLAYFS).tars();
            List<byte[]> again = LayerStacks.generate(seed, Judge.OVERLAYFS).tars();
            assertEquals(once.size(), again.size());
            for (int i = 0; i < once.size(); i++) {
                assertArrayEquals(once.get(i), again.get(i), "seed " + seed);
            }
        }
    }

    @Test
    void listsTheWholeTreeOfALayout() throws Exception {
        Files.createDirectories(directory.resolve("a/b"));
        Files.writeString(directory.resolve("a/b/f"), "x");
        assertEquals(List.of(), TreeListing.of(directory).wrongLinkCounts());
    }
}
