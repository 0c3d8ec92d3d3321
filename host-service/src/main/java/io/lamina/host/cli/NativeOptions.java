package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.Steps;
import io.lamina.host.fleet.FleetPull;
import io.lamina.host.registry.ImagePull;
import io.lamina.host.registry.RegistryClient;
import io.lamina.host.store.BlobStore;
import io.lamina.host.store.LeaseStore;
import io.lamina.host.store.Store;
import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.Manifest;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.statement.TrustPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Whether and from whom a pull takes what another node has converted. */
final class NativeOptions {
    @Mixin
    private TrustedKeyOptions trusted = new TrustedKeyOptions();

    @Option(
            names = "--policy",
            paramLabel = "FILE",
            description = {
                "Take conversions whose statement this policy of 'lamina statement policy' admits (default: policy.json in "
                        + "Lamina's home, if it is there)."
            })
    private @Nullable Path policy;

    @Option(names = "--no-native", description = "Bring the layers as they are, and convert them here.")
    private boolean noNative;

    /** Brings a conversion if there is one to be believed; false where the layers have to be brought. */
    boolean bring(RegistryClient client, ContentStore images, ImagePull pull, ImagePull.Found found, Answer answer)
            throws IOException, InterruptedException {
        Optional<TrustPolicy> trust = noNative ? Optional.empty() : trust();
        if (trust.isEmpty()) {
            return false;
        }
        Digest digest = found.target().digest();
        Manifest manifest = found.manifest();
        FleetPull fleet = new FleetPull(client.repository(found.name()), trust.get());
        Optional<FleetPull.Offer> offer = fleet.find(digest, manifest.config().digest());
        fleet.refusals().forEach(refusal -> System.err.println("lamina: not taken: " + refusal));
        if (offer.isEmpty()) {
            System.err.println("lamina: no conversion that the policy admits; the layers are converted here");
            return false;
        }
        List<Descriptor> config = List.of(manifest.config());
        pull.fetch(found, config);
        try (Store store = Store.openBeside(ImageConversion.storeRoot())) {
            LeaseStore.Lease lease = store.leases().take("pull " + found.name());
            long bytes = FleetPull.bring(found.name(), offer.get(), pull, images, store, lease);
            String name = pull.name(found).name();
            pull.fetch(found, config);
            StoredImage stored = ImageConversion.open(images.root(), name);
            ImageConversion.keep(store, name, stored, offer.get().blobs());
            store.leases().end(lease.id());
            Digest expected = offer.get().statement().verity().rootHash();
            answer.with("image", "name", name)
                    .with("digest", "digest", digest.toString())
                    .with("bytes", "bytes", bytes)
                    .with("root hash", "rootHash", compared(stored, expected))
                    .withHidden("native", true)
                    .withLines(List.of("converted by another node, as the statement says"));
        }
        return true;
    }

    /** The root hash that comes out here, which has to be the statement's. */
    private static String compared(StoredImage stored, Digest expected) throws IOException, InterruptedException {
        BlobStore blobs = BlobStore.open(ImageConversion.storeRoot().images());
        try (FlattenedImage flattened = new ImagePreparation(blobs, new Steps(System.err, false)).flatten(stored)) {
            Digest made = flattened.device().rootHash();
            if (!made.equals(expected)) {
                throw new CorruptImageException(
                        "image " + stored.manifestDigest(),
                        "its root hash is " + made.hex() + ", the statement says " + expected.hex());
            }
            return made.hex();
        }
    }

    private Optional<TrustPolicy> trust() throws IOException {
        Path usual = io.lamina.host.run.Installation.current().home().resolve("policy.json");
        if (policy == null && !trusted.given()) {
            return Files.exists(usual) ? Optional.of(trusted.policy(usual)) : Optional.empty();
        }
        return Optional.of(trusted.policy(policy));
    }
}
