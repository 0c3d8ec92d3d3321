package io.lamina.images.layer;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.erofs.Mutations;
import io.lamina.images.oracle.LayerStacks;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tars with broken bytes are converted or refused, never more. */
class MutatedTarsTest {
    private static final int TARS = 60;
    private static final int BLOCK = 512;

    @TempDir
    Path scratch;

    @Test
    void brokenTarsAreConvertedOrRefused() throws IOException {
        run(1, 20_000);
    }

    @Test
    @Tag("soak")
    void millionsOfBrokenTarsAreConvertedOrRefused() throws IOException {
        run(System.nanoTime(), 5_000_000);
    }

    private void run(long firstSeed, int count) throws IOException {
        List<byte[]> tars = new ArrayList<>();
        for (long seed = firstSeed; tars.size() < TARS; seed++) {
            tars.addAll(LayerStacks.generate(seed, LayerStacks.Judge.OVERLAYFS).tars());
        }
        try (FileChannel blob = FileChannel.open(scratch.resolve("blob"), CREATE, READ, WRITE);
                FileChannel leaves = FileChannel.open(scratch.resolve("leaves"), CREATE, READ, WRITE)) {
            for (int i = 0; i < count; i++) {
                long seed = firstSeed + i;
                SplittableRandom random = new SplittableRandom(seed);
                byte[] tar = mutate(tars.get(random.nextInt(tars.size())), random);
                Mutations.survives(
                        "seed " + seed,
                        tar,
                        bytes -> LayerConverter.convert(new ByteArrayInputStream(bytes), blob, leaves));
            }
        }
    }

    /** Breaks bytes and sets the checksums of all blocks right that look like headers. */
    private static byte[] mutate(byte[] tar, SplittableRandom random) {
        byte[] broken = Mutations.mutate(tar, 0, tar.length, random);
        if (random.nextInt(8) != 0) {
            for (int at = 0; at + BLOCK <= broken.length; at += BLOCK) {
                if (broken[at + 257] == 'u' && broken[at + 258] == 's') {
                    setChecksum(broken, at);
                }
            }
        }
        return broken;
    }

    private static void setChecksum(byte[] tar, int header) {
        int sum = 0;
        for (int i = 0; i < BLOCK; i++) {
            sum += i >= 148 && i < 156 ? ' ' : (tar[header + i] & 0xFF);
        }
        byte[] octal = "%06o\0 ".formatted(sum).getBytes(US_ASCII);
        System.arraycopy(octal, 0, tar, header + 148, octal.length);
    }
}
