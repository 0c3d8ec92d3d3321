package io.lamina.images.oracle;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.lamina.images.oracle.FlattenedStack.Format;
import io.lamina.images.oracle.LayerStacks.Judge;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Random layer stacks, converted and merged, give the tree that overlayfs gives of the same layers.
 *
 * <p>{@code -Dlamina.stacks.seed=N} starts at another seed, {@code -Dlamina.stacks=1} with it replays that one.
 */
final class MergeMatchesOverlayfsTest {
    private static final int STACKS = Integer.getInteger("lamina.stacks", 250);
    private static final int MANY_STACKS = Integer.getInteger("lamina.stacks", 5_000);
    private static final long FIRST_SEED = Long.getLong("lamina.stacks.seed", 1);
    private static final long FIRST_SOAK_SEED = Long.getLong("lamina.stacks.seed", 1_000_000);

    @TempDir
    Path directory;

    @BeforeEach
    void needs() {
        Machine.needsRoot();
        Machine.needsFileSystem("erofs");
        Machine.needsFileSystem("overlay");
    }

    @Test
    void everyStackMergesAsOverlayfsMergesIt() throws Exception {
        judge(stacks(FIRST_SEED, STACKS), Format.PLAIN);
    }

    @Test
    void tarIndexesMergeAsOverlayfsMergesThem() throws Exception {
        judge(stacks(FIRST_SEED, Math.ceilDiv(STACKS, 4)), Format.TAR_INDEX);
    }

    /** Compressed, tail-packed, chunked and plain layers of mkfs.erofs, and ours among them. */
    @Test
    void layersOfMkfsMergeAsOverlayfsMergesThem() throws Exception {
        Machine.needsProgram("mkfs.erofs");
        judge(stacks(FIRST_SEED, Math.ceilDiv(STACKS, 4)).map(stack -> stack.withDataOf(300_000)), Format.NATIVE);
    }

    /** File data ends where a writer's buffer of a mebibyte may end, so that metadata goes over its end. */
    @Test
    void layersLongerThanBuffersMergeAsOverlayfsMergesThem() throws Exception {
        judge(
                stacks(FIRST_SEED, 24).map(stack -> stack.withDataOf((1 << 20) - (int) (stack.seed() % 6) * 4096)),
                Format.PLAIN);
    }

    @Test
    void twoHundredLayersMergeAsOverlayfsMergesThem() throws Exception {
        judge(Stream.of(LayerStacks.generate(FIRST_SEED, Judge.OVERLAYFS, 200)), Format.PLAIN);
    }

    @Test
    @Tag("soak")
    void thousandsOfStacksMergeAsOverlayfsMergesThem() throws Exception {
        judge(stacks(FIRST_SOAK_SEED, MANY_STACKS), Format.PLAIN);
    }

    /** {@link ExpectedTreeTest} shows that umoci and the model agree on such stacks. */
    @Test
    void everyStackForUmociMergesAsTheModelSays() throws Exception {
        PrivateMounts.run(mounts -> {
            StackJudge judge = new StackJudge(mounts, directory);
            for (long seed = FIRST_SEED; seed < FIRST_SEED + STACKS; seed++) {
                LayerStack stack = LayerStacks.generate(seed, Judge.UMOCI);
                check(stack, judge::differencesFromModel);
            }
        });
    }

    private static Stream<LayerStack> stacks(long firstSeed, int count) {
        return LongStream.range(firstSeed, firstSeed + count)
                .mapToObj(seed -> LayerStacks.generate(seed, Judge.OVERLAYFS));
    }

    private void judge(Stream<LayerStack> stacks, Format format) throws Exception {
        PrivateMounts.run(mounts -> {
            StackJudge judge = new StackJudge(mounts, directory);
            for (LayerStack made : (Iterable<LayerStack>) stacks::iterator) {
                // The data of a sparse file is no run of blocks of its tar, and mkfs.erofs reads all its zeroes.
                LayerStack stack = format == Format.PLAIN ? made : made.withoutSparseFiles();
                check(stack, any -> judge.differences(any, format));
            }
            assertTrue(format != Format.NATIVE || judge.nativeForEachOwn() >= 4, "mkfs.erofs made few of the layers");
        });
    }

    private static void check(LayerStack stack, Function<LayerStack, List<String>> judge) {
        List<String> found = judge.apply(stack);
        if (!found.isEmpty()) {
            LayerStack smallest = stack.shrunk(found, judge);
            fail(
                    "seed %d: the flattened device (is) differs from its judges (should) in%n%s%nof which is left%n%s%nfor%n%s"
                            .formatted(
                                    stack.seed(),
                                    String.join("\n", found),
                                    String.join("\n", judge.apply(smallest)),
                                    smallest.describe()));
        }
    }
}
