package io.lamina.images.oracle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.lamina.images.oracle.LayerStacks.Judge;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
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
                LayerStack stack = LayerStacks.generate(seed, Judge.UMOCI);
                List<String> found = differences(mounts, stack);
                if (!found.isEmpty()) {
                    LayerStack smallest = stack.shrunk(
                            found,
                            candidate -> inventsDirectories(candidate) ? List.of() : differences(mounts, candidate));
                    fail("seed %d: umoci (is) and the model (should) differ in%n%s%nfor%n%s"
                            .formatted(seed, String.join("\n", differences(mounts, smallest)), smallest.describe()));
                }
            }
        });
    }

    /** umoci changes the time of the directory in which it invents one; stacks for it have none but the root. */
    private static boolean inventsDirectories(LayerStack stack) {
        return !Set.of("").containsAll(stack.expected().invented());
    }

    private List<String> differences(PrivateMounts mounts, LayerStack stack) {
        try {
            // In memory, so that device nodes, attributes and odd names vanish with the mount.
            mounts.mount("tmpfs", directory, "tmpfs", 0, "mode=0755");
            try {
                ExpectedTree expected = stack.expected();
                UmociImage.write(directory.resolve("layout"), stack.tars()).unpack(directory.resolve("rootfs"));
                return expected.listing()
                        .differences(
                                TreeListing.of(directory.resolve("rootfs")),
                                10,
                                Exemption.directorySizes(),
                                Exemption.neverExplicit(expected.invented()));
            } finally {
                mounts.unmount(directory);
            }
        } catch (IOException failure) {
            return List.of(failure.toString());
        }
    }

    @Test
    void listsTheWholeTreeOfALayout() throws Exception {
        Files.createDirectories(directory.resolve("a/b"));
        Files.writeString(directory.resolve("a/b/f"), "x");
        assertEquals(List.of(), TreeListing.of(directory).wrongLinkCounts());
    }
}
