package io.lamina.images.erofs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.merge.MergeObstacle;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** What a newer mkfs.erofs than a machine may have writes reads as the tree that it was made of. */
class ForeignVectorsTest {
    @Test
    void everyFormReadsAsTheUncompressedOne() throws IOException {
        Map<String, String> plain = ImageTree.read(open(ForeignVectors.read(ForeignVectors.PLAIN)));
        assertEquals(24 + 2, plain.size());
        Map<String, String> wide = ImageTree.read(open(ForeignVectors.read(ForeignVectors.WIDE)));
        assertEquals(400, wide.size());
        for (String form : ForeignVectors.FORMS) {
            boolean isWide = ForeignVectors.plainOf(form).equals(ForeignVectors.WIDE);
            assertEquals(isWide ? wide : plain, ImageTree.read(open(ForeignVectors.read(form))), form);
        }
    }

    @Test
    void anAttributeThatIsThereTwiceIsReadOnce() throws IOException {
        ErofsImage image = open(ForeignVectors.read("doubled-attribute"));
        assertEquals(
                List.of("trusted.overlay.origin"),
                image.xattrs(image.root()).sorted().stream()
                        .map(Xattr::fullName)
                        .toList());
    }

    @Test
    void everyFormPassesTheCheck() throws IOException {
        for (String form : ForeignVectors.FORMS) {
            assertEquals(
                    List.of(),
                    ImageCheck.run(open(ForeignVectors.read(form)), _ -> {}).problems(),
                    form);
        }
    }

    @Test
    void readingFromAnyByteOnGivesTheSameBytes() throws IOException {
        SplittableRandom random = new SplittableRandom(4);
        for (String form : ForeignVectors.FORMS) {
            ErofsImage image = open(ForeignVectors.read(form));
            Inode file = PathLookup.find(image, "mixed".getBytes(UTF_8), "mixed", true);
            ByteBuffer whole = ByteBuffer.allocate((int) file.data().sizeBytes());
            assertEquals(whole.capacity(), image.read(file, 0, whole));
            for (int i = 0; i < 300; i++) {
                int start = random.nextInt(whole.capacity());
                ByteBuffer part = ByteBuffer.allocate(random.nextInt(1, 9000));
                int got = image.read(file, start, part);
                assertEquals(Math.min(part.capacity(), whole.capacity() - start), got, form);
                assertEquals(whole.slice(start, got), part.flip(), form);
            }
        }
    }

    /** Garbage where compressed data was: most decoders notice, and none does worse than giving other bytes. */
    @Test
    void decompressorsRefuseGarbage() throws IOException {
        Map<String, Integer> refused = new TreeMap<>();
        for (String form : List.of("lz4-full-index", "deflate", "zstd", "lzma")) {
            byte[] whole = ForeignVectors.read(form);
            for (int seed = 0; seed < 40; seed++) {
                byte[] broken = whole.clone();
                SplittableRandom random = new SplittableRandom(seed);
                int at = 4096 + random.nextInt(whole.length / 2 - 4096);
                for (int i = at; i < at + 200; i++) {
                    broken[i] = (byte) random.nextInt();
                }
                Mutations.survives(form + " seed " + seed, broken, bytes -> {
                    try {
                        ImageTree.read(open(bytes));
                    } catch (CorruptImageException refusal) {
                        refused.merge(form, 1, Integer::sum);
                    }
                });
            }
        }
        assertEquals(4, refused.size(), refused::toString);
    }

    @Test
    void whatCannotBePointedToIsTold() throws IOException {
        List<String> copied = new ArrayList<>();
        for (String form : ForeignVectors.FORMS) {
            if (MergeObstacle.of(open(ForeignVectors.read(form))) != null) {
                copied.add(form);
            }
        }
        assertEquals(
                List.of(
                        "lz4-all-fragments",
                        "lz4-tail-packed",
                        "deflate-tail-packed-deduplicated",
                        "zstd-fragments-prefixes",
                        "wide-lz4-directories-512",
                        "wide-48bit-lz4",
                        "wide-48bit-zstd",
                        "wide-48bit-clusters",
                        "wide-48bit-fragments",
                        "wide-metabox",
                        "wide-metabox-directories",
                        "wide-metabox-fragments"),
                copied);
    }

    @Test
    void aFragmentBehindThePackedInodeIsRefused() throws IOException {
        byte[] image = ForeignVectors.read("lz4-all-fragments");
        image[Superblock.START_BYTE + 8] &= ~1;
        // The packed inode's place: a directory now.
        ByteBuffer.wrap(image)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(Superblock.START_BYTE + 96, open(image).root().place().nid());
        CorruptImageException refusal = assertThrows(CorruptImageException.class, () -> ImageTree.read(open(image)));
        assertTrue(refusal.getMessage().contains("packed inode is no regular file"), refusal.getMessage());
    }

    /** No mkfs.erofs up to 1.9.4 writes such marks; readers that do not know them find zeroes at the address. */
    @Test
    void extentsThatAreMarkedAsHolesReadAsZeroes() throws IOException {
        byte[] bytes = ForeignVectors.read("lz4-full-index");
        bytes[Superblock.START_BYTE + 8] &= ~1;
        ErofsImage image = open(bytes);
        CompressionHeader header =
                CompressionHeader.read(image, PathLookup.find(image, "zeroes".getBytes(UTF_8), "zeroes", true));
        ClusterIndex index = new ClusterIndex(image, header);
        int marked = 0;
        for (int cluster = 0; cluster < index.clusters(); cluster++) {
            if (index.isHead(cluster)) {
                int at = (int) index.startByte() + cluster * ClusterIndex.FULL_BYTES;
                bytes[at + 1] |= 0x40;
                ByteBuffer.wrap(bytes).putInt(at + Integer.BYTES, -1);
                marked++;
            }
        }
        assertTrue(marked > 0);
        assertEquals(ImageTree.read(open(ForeignVectors.read(ForeignVectors.PLAIN))), ImageTree.read(open(bytes)));
    }

    @Test
    void aMetaboxThatIsFarLargerThanItsImageIsRefused() throws IOException {
        byte[] bytes = ForeignVectors.read("wide-metabox");
        bytes[Superblock.START_BYTE + 8] &= ~1;
        ErofsImage image = open(bytes);
        Inode metabox = image.inode(image.superblock().metaboxNid());
        ByteBuffer.wrap(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt((int) metabox.place().startByte() + 8, Integer.MAX_VALUE);
        CorruptImageException refusal = assertThrows(CorruptImageException.class, () -> ImageTree.read(open(bytes)));
        assertTrue(refusal.getMessage().contains("the metabox has 2147483647 bytes"), refusal.getMessage());
    }

    private static ErofsImage open(byte[] image) throws IOException {
        return ErofsImage.open("vector", ByteBuffer.wrap(image));
    }
}
