package io.lamina.vmtests.bench;

import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.store.BlobStore;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageReference;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.StatementSigner;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.TrustedKeys;
import io.lamina.images.verity.HashTree;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * {@code ./bench proof}: what composing a root hash, verifying a statement and checking blocks cost. Arguments: the image, a
 * directory for files, rounds, this checkout, and Lamina's home.
 */
public final class ProofBench {
    private static final VerityGeometry GEOMETRY = VerityGeometry.STANDARD;

    /** A simulated image: so many layers of zeroes, together 100 GiB. */
    private static final int SIMULATED_LAYERS = 100;

    private static final long SIMULATED_LAYER_BLOCKS = (1L << 30) / 4096;

    private final Path scratch;
    private final int rounds;

    private ProofBench(Path scratch, int rounds) {
        this.scratch = scratch;
        this.rounds = rounds;
    }

    /** Runs everything and prints tables in Markdown. */
    public static void main(String[] arguments) throws Exception {
        ProofBench bench = new ProofBench(Path.of(arguments[1]), Integer.parseInt(arguments[2]));
        bench.compose(ImageReference.parse(arguments[0]).open());
        bench.composeSimulated();
        bench.verifyStatement();
        AgentStartBench.run(
                new Installation(Path.of(arguments[3]), Path.of(arguments[4])), bench.scratch, bench.rounds * 2);
    }

    private void compose(StoredImage image) throws Exception {
        BlobStore store = BlobStore.open(scratch.resolve("store"));
        Steps silent = new Steps(new PrintStream(PrintStream.nullOutputStream()), false);
        try (FlattenedImage flattened = new ImagePreparation(store, silent).flatten(image)) {
            long dataBytes = flattened.device().hashStartBlock() * GEOMETRY.hashBlockSizeBytes();
            long hashBytes = 0;
            for (StoredBlob blob : flattened.layers()) {
                hashBytes +=
                        Files.size(blob.leaves()) + Files.size(blob.leaves().resolveSibling("level1"));
            }
            System.out.printf(
                    Locale.ROOT,
                    "image %s: %d layers, %d MiB of data, hashes kept %.3f %%, fsmeta %d KiB%n",
                    image.manifestDigest(),
                    flattened.layers().size(),
                    dataBytes >> 20,
                    hashBytes * 100.0 / dataBytes,
                    flattened.fsmeta().sizeBytes() >> 10);
            Digest root = flattened.device().rootHash();
            new Contest()
                    .with("hash fsmeta and compose, warm", () -> same(root, device(flattened, flattened.layers())))
                    .with("the same, level1 read from the store", () -> {
                        List<StoredBlob> found = new ArrayList<>();
                        for (StoredBlob blob : flattened.layers()) {
                            found.add(store.find(blob.diffId()).orElseThrow());
                        }
                        same(root, device(flattened, found));
                    })
                    .run(rounds * 4)
                    .print("Root hash of the image");
            ReadCheckBench.run(flattened.device(), rounds);
        }
    }

    private static FlattenedDevice device(FlattenedImage image, List<StoredBlob> layers) throws IOException {
        List<DevicePart> parts = new ArrayList<>();
        parts.add(image.fsmeta().part(GEOMETRY));
        layers.forEach(blob -> parts.add(blob.part()));
        return FlattenedDevice.compose(parts);
    }

    private static void same(Digest root, FlattenedDevice device) {
        if (!device.rootHash().equals(root)) {
            throw new AssertionError("another root hash");
        }
    }

    /** As if each layer had its own hashes stored; fsmeta of 64 MiB is hashed anew. */
    private void composeSimulated() throws Exception {
        PartHashes stored = PartHashes.stored(
                GEOMETRY,
                SIMULATED_LAYER_BLOCKS,
                PartHashes.ofZeroes(GEOMETRY, SIMULATED_LAYER_BLOCKS).level1());
        Extent fsmeta = new Extent.ZeroExtent(0, 64 << 20);
        new Contest()
                .with("100 layers of 1 GiB, fsmeta of 64 MiB", () -> {
                    List<PartHashes> parts = new ArrayList<>();
                    parts.add(DevicePart.hashing("fsmeta", fsmeta, GEOMETRY).hashes());
                    for (int i = 0; i < SIMULATED_LAYERS; i++) {
                        parts.add(stored);
                    }
                    HashTree.compose(parts);
                })
                .run(rounds)
                .print("Root hash of a simulated image of 100 GiB");
    }

    private void verifyStatement() throws Exception {
        ImageStatement statement = statement();
        Contest contest = new Contest();
        for (SigningKey key : List.of(SigningKey.generateEd25519(), SigningKey.generateEcdsaP256())) {
            byte[] envelope = StatementSigner.sign(statement, List.of(key));
            byte[] policy = GuestPolicy.standard(new TrustPolicy(
                            new TrustedKeys(List.of(key.publicKey().orElseThrow())),
                            1,
                            TrustPolicy.Revocations.NONE,
                            List.of(ImageRule.ANY)))
                    .write();
            contest.with(key.publicKey().orElseThrow().toString().split(" ", 2)[0], () -> {
                GuestPolicy.parse(policy).trust().admit(envelope, Optional.of(Instant.EPOCH));
            });
        }
        contest.run(rounds * 4).print("Policy read and statement of 30 layers verified, warm");
    }

    private static ImageStatement statement() {
        Digest digest = Digest.of(new byte[Digest.BYTES]);
        List<ImageStatement.Layer> layers = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            layers.add(new ImageStatement.Layer(digest, 128, digest));
        }
        return new ImageStatement(
                new ImageStatement.Image("bench", digest, digest, 0),
                new ImageStatement.Contents(1, new ImageStatement.Fsmeta(digest, 128), layers),
                new ImageStatement.VerityTable(GEOMETRY, 31 * 128, 31 * 128, digest),
                io.lamina.images.statement.UpperLayer.MEMORY,
                io.lamina.images.statement.Validity.ALWAYS);
    }
}
