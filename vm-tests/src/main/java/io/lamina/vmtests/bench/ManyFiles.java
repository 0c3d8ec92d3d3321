package io.lamina.vmtests.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.merge.Fsmeta;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import java.io.BufferedOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Merging layers of very many files, to see that time and memory grow with their number and not faster. */
final class ManyFiles {
    private static final int LAYERS = 20;
    private static final int FILES_IN_DIRECTORY = 50;
    private static final int ROUNDS = 3;

    private ManyFiles() {}

    /** Merges 20 layers of 12,500, 25,000 and 50,000 files, each layer's next to those of the others. */
    static void merge(Path scratch) throws IOException {
        Files.createDirectories(scratch);
        System.out.printf("%n## Merge of many files in %d layers, heap of at most %d MiB%n%n", LAYERS, heapMiB());
        System.out.println("| files | median s | fsmeta bytes per inode |");
        System.out.println("|---|---|---|");
        for (int perLayer : new int[] {12_500, 25_000, 50_000}) {
            List<Path> blobs = new ArrayList<>();
            for (int layer = 0; layer < LAYERS; layer++) {
                blobs.add(blob(scratch, layer, perLayer));
            }
            double[] seconds = new double[ROUNDS];
            double bytesPerInode = 0;
            for (int round = 0; round < ROUNDS; round++) {
                long start = System.nanoTime();
                Fsmeta fsmeta = merge(blobs, scratch.resolve("fsmeta"));
                seconds[round] = (System.nanoTime() - start) / 1e9;
                bytesPerInode = (double) fsmeta.blocks() * fsmeta.blockSizeBytes() / fsmeta.inodes();
            }
            Arrays.sort(seconds);
            System.out.printf(
                    Locale.ROOT, "| %d | %.2f | %.0f |%n", LAYERS * perLayer, seconds[ROUNDS / 2], bytesPerInode);
        }
    }

    private static long heapMiB() {
        return Runtime.getRuntime().maxMemory() >> 20;
    }

    private static Fsmeta merge(List<Path> blobs, Path target) throws IOException {
        List<FileChannel> open = new ArrayList<>();
        try (FileChannel fsmeta = FileChannel.open(target, CREATE, READ, WRITE)) {
            List<LayerImage> layers = new ArrayList<>();
            for (Path blob : blobs) {
                open.add(FileChannel.open(blob, READ));
                layers.add(new LayerImage(
                        ErofsImage.open(blob.toString(), open.getLast()), "%064d".formatted(layers.size())));
            }
            return Merger.merge(layers, fsmeta);
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
    }

    private static Path blob(Path scratch, int layer, int files) throws IOException {
        Path tar = scratch.resolve("many.tar");
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(tar), 1 << 20)) {
            for (int file = 0; file < files; file++) {
                int directory = file / FILES_IN_DIRECTORY;
                if (file % FILES_IN_DIRECTORY == 0) {
                    out.write(header("srv/module-" + directory + "/", '5', 0755, directory));
                }
                String name = "srv/module-" + directory + "/layer-" + layer + "-file-" + file;
                out.write(header(name, '0', 0644, file));
            }
            out.write(new byte[1024]);
        }
        Path blob = scratch.resolve("layer-" + layer + ".erofs");
        try (InputStream in = new FileInputStream(tar.toFile());
                FileChannel image = FileChannel.open(blob, CREATE, TRUNCATE_EXISTING, READ, WRITE);
                FileChannel leaves = FileChannel.open(scratch.resolve("leaves"), CREATE, READ, WRITE)) {
            LayerConverter.convert(in, image, leaves);
        }
        return blob;
    }

    private static byte[] header(String name, char type, int mode, int time) {
        byte[] block = new byte[512];
        put(block, 0, name);
        put(block, 100, "%07o".formatted(mode));
        put(block, 108, "0000000\0000000000");
        put(block, 124, "00000000000");
        put(block, 136, "%011o".formatted(1_700_000_000L + time));
        put(block, 148, "        ");
        block[156] = (byte) type;
        put(block, 257, "ustar\00000");
        int sum = 0;
        for (byte b : block) {
            sum += b & 0xFF;
        }
        put(block, 148, "%06o\0".formatted(sum));
        return block;
    }

    private static void put(byte[] block, int at, String text) {
        byte[] bytes = text.getBytes(US_ASCII);
        System.arraycopy(bytes, 0, block, at, bytes.length);
    }
}
