package io.lamina.host.cli;

import io.lamina.host.run.KeyFiles;
import io.lamina.host.shim.EmptyLayer;
import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.StatementVerifier;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.TrustedKeys;
import io.lamina.shim.policy.HcsPolicy;
import io.lamina.shim.policy.KataPolicy;
import io.lamina.shim.verity.VerityFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lamina statement policy}. */
@Command(
        name = "policy",
        description = {
            "Writes a guest's policy: whose statements count there, for which images, and what its host may ask of it.",
            "",
            "A policy is worth what measures it: it belongs into the guest's initramfs or initdata, before the host gets it."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExample:%n",
        footer = {
            "  lamina statement policy --for kata --statement app.statement --trust a.pem -o app.rego",
            "  lamina statement policy --trust a.pem,b.pem --threshold 2 --profile confidential \\",
            "      --allow-image registry.example/app:3 --minimum-version 3 -o policy.json"
        })
final class StatementPolicyCommand implements Callable<Integer> {
    /** How an argument starts that names a manifest and no reference. */
    private static final String DIGEST = "sha256:";

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Mixin
    private TrustedKeyOptions trusted = new TrustedKeyOptions();

    @Option(
            names = "--allow-image",
            paramLabel = "REF|DIGEST",
            split = ",",
            description = "Images that may run, by reference or manifest digest (default: every image that is signed).")
    private List<String> images = List.of();

    @Option(
            names = "--minimum-version",
            paramLabel = "N",
            defaultValue = "0",
            description = "Refuse these images when the statement's image version is lower.")
    private long minimumVersion;

    @Option(names = "--revoke-key", paramLabel = "KEYID", split = ",", description = "Keys that count no more.")
    private List<String> revokedKeys = List.of();

    @Option(
            names = "--revoke-statement",
            paramLabel = "DIGEST",
            split = ",",
            description = "Statements that count no more, by the digest that 'statement show' tells.")
    private List<String> revokedStatements = List.of();

    @Option(
            names = "--profile",
            paramLabel = "NAME",
            defaultValue = "standard",
            description =
                    "standard, or confidential: nothing that lets the host into the container (default standard).")
    private GuestPolicy.Profile profile = GuestPolicy.Profile.STANDARD;

    @Option(
            names = "--allow",
            paramLabel = "WHAT",
            split = ",",
            description =
                    "Allowed beyond the profile: command, exec, copy, commit, devices, scratch, console-input, integrity-off.")
    private List<String> allow = List.of();

    @Option(
            names = "--on-corruption",
            paramLabel = "WHAT",
            defaultValue = "error",
            description = "What a wrong block does: error, restart or panic (default ${DEFAULT-VALUE}).")
    private GuestPolicy.OnCorruption onCorruption = GuestPolicy.OnCorruption.ERROR;

    @Option(
            names = "--mount",
            paramLabel = "OPTION",
            split = ",",
            description = "Options of the image's mount beyond ro and nodev: nosuid, noatime.")
    private List<GuestPolicy.MountOption> mountOptions = List.of();

    /** Runtimes with policies of their own. */
    enum Rego {
        KATA,
        HCSSHIM
    }

    @Option(
            names = "--for",
            paramLabel = "RUNTIME",
            description = {
                "kata or hcsshim: write a fragment of that runtime's own policy, in Rego, for the image of --statement. Of the "
                        + "other options only --trust and --threshold count then."
            })
    private @Nullable Rego runtime;

    @Option(names = "--statement", paramLabel = "FILE", description = "With --for: the signed statement of the image.")
    private @Nullable Path statement;

    @Option(
            names = "--layer-root",
            paramLabel = "HASH",
            split = ",",
            description = {
                "With --for hcsshim: the root hashes of the layers as the guest gets them, base first, as 'lamina attach --for "
                        + "hcs-lcow' prints the one of ext4 (default: the statement's, for guests that know EROFS)."
            })
    private List<String> layerRoots = List.of();

    @Option(names = "-o", paramLabel = "FILE", description = "Where it goes (default: standard output).")
    private @Nullable Path out;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, StatementRefusedException {
        TrustedKeys keys = KeyFiles.trusted(trusted.files());
        if (trusted.threshold() > keys.keys().size()) {
            throw wrong("--threshold " + trusted.threshold() + " with "
                    + keys.keys().size() + " different keys: name them with --trust");
        }
        if (runtime != null) {
            StatementFile.write(out, rego(runtime, keys).getBytes(StandardCharsets.UTF_8), form, new Answer());
            return 0;
        }
        TrustPolicy trust;
        try {
            trust = new TrustPolicy(keys, trusted.threshold(), revocations(), rules());
        } catch (CorruptImageException | IllegalArgumentException refused) {
            throw wrong(String.valueOf(refused.getMessage()));
        }
        GuestPolicy policy = new GuestPolicy(trust, profile, permissions(), onCorruption, Set.copyOf(mountOptions));
        StatementFile.write(out, policy.write(), form, new Answer());
        return 0;
    }

    private String rego(Rego of, TrustedKeys keys) throws IOException, StatementRefusedException {
        if (statement == null) {
            throw wrong("--for needs --statement FILE");
        }
        ImageStatement image = StatementVerifier.verify(StatementFile.read(statement), keys, trusted.threshold());
        return switch (of) {
            case KATA -> kata(image);
            case HCSSHIM -> {
                List<Digest> roots = new ArrayList<>();
                for (String root : layerRoots) {
                    roots.add(Digest.parse(DIGEST + root));
                }
                yield HcsPolicy.of(
                        image.image().reference(),
                        roots.isEmpty() ? List.of(image.verity().rootHash()) : roots);
            }
        };
    }

    private static String kata(ImageStatement image) throws IOException {
        Path directory = Files.createTempDirectory("lamina-policy");
        try (EmptyLayer empty = EmptyLayer.in(directory)) {
            KataPolicy.Partition lowest =
                    new KataPolicy.Partition(empty.device().rootHash(), VerityFile.hashOffsetBytes(empty.device()));
            return KataPolicy.of(List.of(KataPolicy.Partition.of(image), lowest));
        } finally {
            Files.delete(directory);
        }
    }

    private TrustPolicy.Revocations revocations() throws CorruptImageException {
        Set<String> keyIds = new TreeSet<>();
        for (String keyId : revokedKeys) {
            keyIds.add(Digest.parse(DIGEST + keyId).hex());
        }
        Set<Digest> statements = new TreeSet<>();
        for (String digest : revokedStatements) {
            statements.add(Digest.parse(digest));
        }
        return new TrustPolicy.Revocations(keyIds, statements);
    }

    private List<ImageRule> rules() throws CorruptImageException {
        if (images.isEmpty()) {
            return List.of(new ImageRule(Optional.empty(), Optional.empty(), minimumVersion));
        }
        List<ImageRule> rules = new ArrayList<>();
        for (String image : images) {
            rules.add(
                    image.startsWith(DIGEST)
                            ? new ImageRule(Optional.empty(), Optional.of(Digest.parse(image)), minimumVersion)
                            : new ImageRule(Optional.of(image), Optional.empty(), minimumVersion));
        }
        return rules;
    }

    private Set<GuestPolicy.Permission> permissions() {
        Set<GuestPolicy.Permission> permissions = new TreeSet<>();
        for (String word : allow) {
            try {
                permissions.add(
                        GuestPolicy.Permission.valueOf(word.replace('-', '_').toUpperCase(Locale.ROOT)));
            } catch (IllegalArgumentException unknown) {
                throw wrong("--allow " + word + ": nothing that a policy knows; see --help");
            }
        }
        return permissions;
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
