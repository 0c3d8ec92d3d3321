package io.lamina.host.run;

import io.lamina.host.flatten.FlattenedImage;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.StatementSigner;
import io.lamina.images.statement.StatementVerifier;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.TrustedKeys;
import io.lamina.images.statement.UpperLayer;
import io.lamina.images.statement.Validity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The two sides of a run's proof, as this host shows them: the statement, and the policy that the machine is started with.
 *
 * @param signer who signs a statement made now; empty when it was made before
 * @param policy what goes into the guest's initdata
 * @param options what the user has said
 */
record ShownTrust(Optional<SigningKeys> signer, GuestPolicy policy, TrustOptions options) {
    /** Finds keys and policy. */
    static ShownTrust of(TrustOptions options, Path home) throws IOException {
        Optional<SigningKeys> signer =
                options.statement().isPresent() ? Optional.empty() : Optional.of(SigningKeys.find(options.key(), home));
        if (options.policy().isPresent()) {
            return new ShownTrust(
                    signer,
                    GuestPolicy.parse(Files.readAllBytes(options.policy().get())),
                    options);
        }
        TrustedKeys keys;
        if (!options.trust().isEmpty()) {
            keys = KeyFiles.trusted(options.trust());
        } else if (signer.isPresent()) {
            keys = new TrustedKeys(List.of(signer.get().publicKey()));
        } else {
            throw new IOException("--statement needs --trust or --policy: whose signature shall the guest believe?");
        }
        if (options.threshold() > keys.keys().size()) {
            throw new IOException("--threshold " + options.threshold() + " with "
                    + keys.keys().size() + " different keys");
        }
        TrustPolicy trust =
                new TrustPolicy(keys, options.threshold(), TrustPolicy.Revocations.NONE, List.of(ImageRule.ANY));
        return new ShownTrust(signer, GuestPolicy.standard(trust), options);
    }

    /** The envelope to show: the user's, or one that is signed now. The guest verifies it, whoever made it. */
    byte[] envelope(FlattenedImage flattened, StoredImage image, RunOptions run) throws IOException {
        if (options.statement().isPresent()) {
            Path file = options.statement().get();
            if (Files.size(file) > StatementVerifier.MAX_ENVELOPE_BYTES) {
                throw new IOException(file + " has " + Files.size(file) + " bytes, a statement has at most "
                        + StatementVerifier.MAX_ENVELOPE_BYTES);
            }
            return Files.readAllBytes(file);
        }
        UpperLayer upperLayer = run.machine().scratchBytes() > 0 ? UpperLayer.SCRATCH : UpperLayer.MEMORY;
        ImageStatement statement =
                flattened.statement(new ImageStatement.Terms(run.image(), 0, upperLayer, Validity.ALWAYS), image);
        return StatementSigner.sign(statement, List.of(signer.orElseThrow().key()));
    }

    /** The policy for a guest that believes a manifest's digest alone: the user's, or one that names {@code image}'s. */
    GuestPolicy manifestPolicy(StoredImage image) {
        if (options.policy().isPresent()) {
            return policy;
        }
        ImageRule manifest = new ImageRule(Optional.empty(), Optional.of(image.manifestDigest()), 0);
        TrustPolicy trust = policy.trust();
        return GuestPolicy.standard(
                new TrustPolicy(trust.keys(), trust.threshold(), trust.revocations(), List.of(manifest)));
    }

    /** What to call the statement's origin in a message. */
    String origin() {
        return signer.map(keys -> "signed with " + keys.name()).orElse("as given");
    }

    /** What a user has to know of this proof. */
    String caution() {
        if (signer.isPresent() && !signer.get().ofTheUser()) {
            return "the development key protects from corruption, not from this host; --key takes one of yours";
        }
        return "this host chose what the guest trusts: that protects from others, and from this host only where somebody "
                + "else compares what the guest measured";
    }
}
