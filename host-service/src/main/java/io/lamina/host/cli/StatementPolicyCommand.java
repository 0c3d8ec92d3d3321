package io.lamina.host.cli;

import io.lamina.host.run.KeyFiles;
import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.TrustedKeys;
import java.io.IOException;
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

    @Option(names = "-o", paramLabel = "FILE", description = "Where it goes (default: standard output).")
    private @Nullable Path out;

    @Override
    public Integer call() throws IOException {
        TrustedKeys keys = KeyFiles.trusted(trusted.files());
        if (trusted.threshold() > keys.keys().size()) {
            throw wrong("--threshold " + trusted.threshold() + " with "
                    + keys.keys().size() + " different keys: name them with --trust");
        }
        TrustPolicy trust;
        try {
            trust = new TrustPolicy(keys, trusted.threshold(), revocations(), rules());
        } catch (CorruptImageException | IllegalArgumentException refused) {
            throw wrong(String.valueOf(refused.getMessage()));
        }
        GuestPolicy policy = new GuestPolicy(trust, profile, permissions(), onCorruption, Set.copyOf(mountOptions));
        StatementFile.write(out, policy.write());
        return 0;
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
