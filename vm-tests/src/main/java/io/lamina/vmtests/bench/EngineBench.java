package io.lamina.vmtests.bench;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.hash.Sha256;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import io.lamina.images.oci.ChannelStream;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageReference;
import io.lamina.images.oci.LayerStream;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.oci.StoredLayer;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;

/**
 * {@code ./bench engine}: conversion and merging against erofs-utils, openssl and veritysetup. Arguments: the image, a
 * directory for files, the root of the peers' system, rounds, and the words that start {@code lamina}.
 */
public final class EngineBench {
    private static final int PIECE_BYTES = 256 << 10;
    private static final int WARM_UP_ROUNDS = 8;
    private static final String A_UUID = "5e0bb8a3-6dd5-4e55-9d43-34b8bfee7d5c";
    private static final String SHA_256 = "SHA-256";
    private static final String SAME_WORK = "mkfs.erofs --sort=none, openssl, veritysetup";
    private static final String CONTAINERD = "mkfs.erofs as containerd calls it";
    private static final String DECOMPRESSION = "decompression alone";
    private static final String ZLIB = "the JDK's GZIPInputStream alone";
    private static final String REBUILD = "mkfs.erofs --aufs --ovlfs-strip=1";

    private final Path scratch;
    private final Peers peers;
    private final int rounds;
    private final List<String> lamina;
    private final List<Path> tars = new ArrayList<>();
    private final StoredImage image;

    private EngineBench(StoredImage image, Path scratch, Peers peers, int rounds, List<String> lamina) {
        this.image = image;
        this.scratch = scratch;
        this.peers = peers;
        this.rounds = rounds;
        this.lamina = lamina;
    }

    /** Runs everything and prints tables in Markdown. */
    public static void main(String[] arguments) throws Exception {
        EngineBench bench = new EngineBench(
                ImageReference.parse(arguments[0]).open(),
                Path.of(arguments[1]),
                new Peers(Path.of(arguments[2])),
                Integer.parseInt(arguments[3]),
                List.of(arguments).subList(4, arguments.length));
        bench.describe();
        bench.unpackTars();
        bench.limits();
        bench.convert();
        bench.convertAll();
        bench.merge();
        ManyFiles.merge(bench.scratch.resolve("many"));
    }

    private void describe() throws IOException, InterruptedException {
        System.out.println("image " + image.manifestDigest() + ", "
                + image.layers().size() + " layers; "
                + peers.version("mkfs.erofs") + "; Java " + Runtime.version() + "; "
                + Runtime.getRuntime().availableProcessors() + " processors; median of " + rounds + ", in turns");
    }

    private void unpackTars() throws IOException {
        for (StoredLayer layer : image.layers()) {
            Path tar = scratch.resolve("layer-" + tars.size() + ".tar");
            try (InputStream in = LayerStream.uncompressed(layer)) {
                Files.copy(in, tar, StandardCopyOption.REPLACE_EXISTING);
            }
            tars.add(tar);
        }
    }

    private Path largest() {
        return tars.stream()
                .max(Comparator.comparingLong(tar -> tar.toFile().length()))
                .orElseThrow();
    }

    /** What no converter can be faster than, measured on the same bytes. */
    private void limits() throws Exception {
        Path tar = largest();
        long bytes = Files.size(tar);
        ByteBuffer piece = ByteBuffer.allocateDirect(PIECE_BYTES);
        ByteBuffer other = ByteBuffer.allocateDirect(PIECE_BYTES);
        MemorySegment memory = MemorySegment.ofBuffer(piece);
        new Contest()
                .with(SHA_256, () -> forPieces(bytes, sha256 -> sha256.update(memory, 0, PIECE_BYTES)))
                .with("the JDK's SHA-256", () -> {
                    MessageDigest digest = Digest.sha256();
                    forPieces(bytes, _ -> digest.update(piece.clear()));
                })
                .with("one copy in memory", () -> forPieces(bytes, _ -> other.put(0, piece, 0, PIECE_BYTES)))
                .with("one read from the page cache", () -> {
                    try (FileChannel in = FileChannel.open(tar, READ)) {
                        while (in.read(piece.clear()) >= 0) {}
                    }
                })
                .with("one write to the page cache", () -> {
                    try (FileChannel out = open("limit")) {
                        for (long at = 0; at < bytes; at += PIECE_BYTES) {
                            out.write(piece.clear());
                        }
                    }
                })
                .run(rounds)
                .print(
                        "Limits: one pass over the " + bytes / 1_000_000 + " MB of the largest layer, one thread",
                        SHA_256);
    }

    private static void forPieces(long bytes, Consumer<Sha256> work) {
        Sha256 sha256 = Sha256.create();
        for (long at = 0; at < bytes; at += PIECE_BYTES) {
            work.accept(sha256);
        }
        sha256.digest();
    }

    private void convert() throws Exception {
        Path tar = largest();
        String blob = scratch.resolve("peer.erofs").toString();
        String hash = scratch.resolve("hash").toString();
        List<String> ours = new ArrayList<>(lamina);
        ours.addAll(List.of(
                "layer",
                "convert",
                tar.toString(),
                "-o",
                scratch.resolve("ours.erofs").toString()));
        List<String> unsynced = new ArrayList<>(ours);
        unsynced.add("--no-sync");
        for (int round = 0; round < WARM_UP_ROUNDS; round++) {
            convertWarm(tar, "warm");
        }
        // containerd reads the layer in one process and pipes it to mkfs.erofs.
        List<String> piped = List.of("bash", "-o", "pipefail", "-c", "cat \"$0\" | \"$@\"", tar.toString());
        List<String> containerd = new ArrayList<>(piped);
        containerd.addAll(peers.command(
                "mkfs.erofs", "--tar=f", "--aufs", "--quiet", "-Enoinline_data", "-b4096", "-U" + A_UUID, blob));
        new Contest()
                .before(() -> {
                    for (String made : List.of("peer.erofs", "ours.erofs", "warm.erofs")) {
                        fresh(scratch.resolve(made).toString());
                    }
                    Peers.run(List.of("sync"), null);
                })
                .with("lamina layer convert --no-sync, whole process", () -> Peers.run(unsynced, null))
                .with("lamina layer convert, whole process, on disk", () -> Peers.run(ours, null))
                .with("lamina, warm", () -> convertWarm(tar, "warm"))
                .with(SAME_WORK, () -> {
                    Peers.run(
                            peers.command("mkfs.erofs", "--quiet", "--tar=f", "--sort=none", blob, tar.toString()),
                            null);
                    Peers.run(peers.command("openssl", "dgst", "-sha256", tar.toString()), null);
                    Peers.run(peers.command("veritysetup", "format", blob, hash), null);
                })
                .with(CONTAINERD, () -> Peers.run(containerd, null))
                .run(rounds)
                .print(
                        "Convert a tar of " + Files.size(tar) / 1_000_000 + " MB; the peers do not wait for the disk",
                        SAME_WORK,
                        CONTAINERD);
    }

    private static void fresh(String file) throws IOException {
        Files.deleteIfExists(Path.of(file));
    }

    private void convertWarm(Path tar, String name) throws IOException {
        try (InputStream in = new FileInputStream(tar.toFile())) {
            convertStream(in, name);
        }
    }

    private void convertStream(InputStream tar, String name) throws IOException {
        try (FileChannel blob = open(name + ".erofs");
                FileChannel leaves = open(name + ".leaves")) {
            LayerConverter.convert(tar, blob, leaves);
        }
    }

    private FileChannel open(String name) throws IOException {
        return FileChannel.open(scratch.resolve(name), CREATE, TRUNCATE_EXISTING, READ, WRITE);
    }

    /** What is done with the tar of a layer. */
    private interface LayerWork {
        void run(StoredLayer layer, int number) throws IOException;
    }

    private void convertAll() throws Exception {
        new Contest()
                .with(
                        "all layers from gzip, in parallel, warm",
                        () -> forAll((layer, number) -> {
                            try (InputStream tar = LayerStream.unverified(layer)) {
                                convertStream(tar, "all-" + number);
                            }
                        }))
                .with(
                        DECOMPRESSION,
                        () -> forAll((layer, _) -> {
                            try (InputStream tar = LayerStream.unverified(layer)) {
                                ByteBuffer piece = ByteBuffer.allocateDirect(PIECE_BYTES);
                                while (ChannelStream.channel(tar).read(piece.clear()) >= 0) {}
                            }
                        }))
                .with(
                        ZLIB,
                        () -> forAll((layer, _) -> {
                            try (InputStream tar = new GZIPInputStream(layer.open(), 64 << 10)) {
                                byte[] piece = new byte[PIECE_BYTES];
                                while (tar.read(piece) >= 0) {}
                            }
                        }))
                .run(rounds)
                .print("All layers of the image, on all processors", DECOMPRESSION, ZLIB);
    }

    /** The longest layers first, as many at once as there are processors. */
    private void forAll(LayerWork work) throws Exception {
        List<StoredLayer> layers = image.layers();
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < layers.size(); i++) {
            order.add(i);
        }
        order.sort(Comparator.comparingLong(number -> -tars.get(number).toFile().length()));
        List<Future<Void>> pending = new ArrayList<>();
        try (ExecutorService pool =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            for (int number : order) {
                pending.add(pool.submit(() -> {
                    work.run(layers.get(number), number);
                    return null;
                }));
            }
        }
        for (Future<Void> layer : pending) {
            layer.get();
        }
    }

    private void merge() throws Exception {
        List<String> blobs = new ArrayList<>();
        for (int i = 0; i < tars.size(); i++) {
            String blob = scratch.resolve("merge-" + i + ".erofs").toString();
            fresh(blob);
            Peers.run(
                    peers.command(
                            "mkfs.erofs",
                            "--tar=f",
                            "--aufs",
                            "--quiet",
                            "-Enoinline_data",
                            "-b4096",
                            blob,
                            tars.get(i).toString()),
                    null);
            blobs.add(blob);
        }
        String merged = scratch.resolve("merged.erofs").toString();
        List<String> rebuild =
                new ArrayList<>(peers.command("mkfs.erofs", "--quiet", "--aufs", "--ovlfs-strip=1", merged));
        rebuild.addAll(blobs);
        new Contest()
                .with("lamina merge, warm", this::mergeWarm)
                .with(REBUILD, () -> {
                    fresh(merged);
                    Peers.run(rebuild, null);
                })
                .run(rounds * 2)
                .print("Merge", REBUILD);
    }

    private void mergeWarm() throws IOException {
        List<FileChannel> open = new ArrayList<>();
        try (FileChannel fsmeta = open("fsmeta")) {
            List<LayerImage> layers = new ArrayList<>();
            for (int i = 0; i < tars.size(); i++) {
                open.add(FileChannel.open(scratch.resolve("all-" + i + ".erofs"), READ));
                layers.add(new LayerImage(ErofsImage.open("layer " + i, open.getLast()), "%064d".formatted(i)));
            }
            Merger.merge(layers, fsmeta);
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
    }
}
