package io.lamina.vmtests.bench;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageReference;
import io.lamina.images.oci.LayerStream;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.oci.StoredLayer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * {@code ./bench engine}: conversion and merging against erofs-utils, openssl and veritysetup. Arguments: the image, a
 * directory for files, the root of the peers' system, rounds, and the words that start {@code lamina}.
 */
public final class EngineBench {
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
        byte[] bytes = new byte[64 << 20];
        try (InputStream in = Files.newInputStream(tar)) {
            in.readNBytes(bytes, 0, bytes.length);
        }
        Contest contest = new Contest()
                .with("SHA-256 of 64 MiB, one thread", () -> {
                    MessageDigest sha256 = Digest.sha256();
                    sha256.update(bytes);
                    sha256.digest();
                })
                .with(
                        "memory copy of 64 MiB",
                        () -> ByteBuffer.allocateDirect(bytes.length).put(bytes))
                .with("write of 64 MiB to a file", () -> {
                    try (FileChannel out = open("limit")) {
                        ByteBuffer all = ByteBuffer.wrap(bytes);
                        while (all.hasRemaining()) {
                            out.write(all);
                        }
                    }
                })
                .run(rounds);
        contest.print("Limits", "SHA-256 of 64 MiB, one thread");
    }

    private void convert() throws Exception {
        Path tar = largest();
        String blob = scratch.resolve("peer.erofs").toString();
        List<String> ours = new ArrayList<>(lamina);
        ours.addAll(List.of(
                "layer",
                "convert",
                tar.toString(),
                "-o",
                scratch.resolve("ours.erofs").toString()));
        Contest contest = new Contest()
                .with("lamina layer convert, whole process", () -> Peers.run(ours, null))
                .with("lamina, warm", () -> convertWarm(tar, "warm"))
                .with("mkfs.erofs --sort=none, openssl, veritysetup", () -> {
                    fresh(blob);
                    Peers.run(
                            peers.command("mkfs.erofs", "--quiet", "--tar=f", "--sort=none", blob, tar.toString()),
                            null);
                    Peers.run(peers.command("openssl", "dgst", "-sha256", tar.toString()), null);
                    Peers.run(
                            peers.command(
                                    "veritysetup",
                                    "format",
                                    blob,
                                    scratch.resolve("hash").toString()),
                            null);
                })
                .with("mkfs.erofs as containerd calls it", () -> {
                    fresh(blob);
                    Peers.run(
                            peers.command(
                                    "mkfs.erofs", "--tar=f", "--aufs", "--quiet", "-Enoinline_data", "-b4096", blob),
                            tar);
                })
                .run(rounds);
        String title = String.format(Locale.ROOT, "Convert a tar of %d MB", Files.size(tar) / 1_000_000);
        contest.print(title, "mkfs.erofs --sort=none, openssl, veritysetup", "mkfs.erofs as containerd calls it");
    }

    private static void fresh(String file) throws IOException {
        Files.deleteIfExists(Path.of(file));
    }

    private void convertWarm(Path tar, String name) throws IOException {
        try (InputStream in = Files.newInputStream(tar)) {
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
        void run(InputStream tar, int number) throws IOException;
    }

    private void convertAll() throws Exception {
        Contest contest = new Contest()
                .with(
                        "all layers from gzip, in parallel, warm",
                        () -> forAll((tar, number) -> convertStream(tar, "all-" + number)))
                .with(
                        "decompression alone",
                        () -> forAll((tar, _) -> {
                            byte[] buffer = new byte[256 << 10];
                            while (tar.read(buffer) >= 0) {}
                        }))
                .run(rounds);
        contest.print("All layers of the image", "decompression alone");
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
                    try (InputStream tar = LayerStream.unverified(layers.get(number))) {
                        work.run(tar, number);
                    }
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
        Contest contest = new Contest()
                .with("lamina merge, warm", this::mergeWarm)
                .with("mkfs.erofs --aufs --ovlfs-strip=1", () -> {
                    fresh(merged);
                    Peers.run(rebuild, null);
                })
                .run(rounds * 2);
        contest.print("Merge", "mkfs.erofs --aufs --ovlfs-strip=1");
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
