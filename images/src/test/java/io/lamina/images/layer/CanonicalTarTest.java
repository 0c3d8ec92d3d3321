package io.lamina.images.layer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.oracle.LayerStacks;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CanonicalTarTest {
    @TempDir
    Path scratch;

    @Test
    void canonicalTarOfABlobConvertsToTheSameTree() throws IOException {
        for (long seed = 1; seed <= 150; seed++) {
            for (byte[] tar :
                    LayerStacks.generate(seed, LayerStacks.Judge.OVERLAYFS).tars()) {
                byte[] canonical = canonical(Layers.blob(tar, scratch));
                assertEquals(Layers.tree(tar, scratch), Layers.tree(canonical, scratch), "seed " + seed);
                assertArrayEquals(canonical, canonical(Layers.blob(canonical, scratch)), "seed " + seed);
            }
        }
    }

    private static byte[] canonical(byte[] blob) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        CanonicalTar.write(ErofsImage.open("blob", ByteBuffer.wrap(blob)), out);
        return out.toByteArray();
    }
}
