package io.lamina.images.layer;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.file.StandardOpenOption.DELETE_ON_CLOSE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.erofs.Mutations;
import io.lamina.images.oracle.LayerStacks;
import io.lamina.images.testing.FuzzRounds;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
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
    void brokenTarsAreConvertedOrRefused() throws Exception {
        run(1, 100_000);
    }

    @Test
    @Tag("soak")
    void millionsOfBrokenTarsAreConvertedOrRefused() throws Exception {
        run(System.nanoTime(), FuzzRounds.soakRounds(5_000_000));
    }

    private void run(long firstSeed, long count) throws Exception {
        List<byte[]> tars = new ArrayList<>();
        for (long seed = firstSeed; tars.size() < TARS; seed++) {
            tars.addAll(LayerStacks.generate(seed, LayerStacks.Judge.OVERLAYFS).tars());
        }
        FuzzRounds.run(firstSeed, count, () -> rounds(tars));
    }

    /** One conversion of four makes a whole blob; the others read the tar just as well and write less. */
    private FuzzRounds.Rounds rounds(List<byte[]> tars) throws IOException {
        FileChannel blob = scratchFile();
        FileChannel leaves = scratchFile();
        return seed -> {
            SplittableRandom random = new SplittableRandom(seed);
            byte[] tar = mutate(tars.get(random.nextInt(tars.size())), random);
            boolean whole = random.nextInt(4) == 0;
            Mutations.survives("seed " + seed, tar, bytes -> {
                if (whole) {
                    LayerConverter.convert(new ByteArrayInputStream(bytes), blob, leaves);
                } else {
                    LayerConverter.index(new ByteArrayInputStream(bytes), blob);
                }
            });
        };
    }

    private FileChannel scratchFile() throws IOException {
        return FileChannel.open(Files.createTempFile(scratch, "fuzz", ""), READ, WRITE, DELETE_ON_CLOSE);
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
