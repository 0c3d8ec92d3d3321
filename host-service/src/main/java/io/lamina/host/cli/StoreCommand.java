package io.lamina.host.cli;

import io.lamina.host.run.ImageRun;
import io.lamina.host.store.BlobName;
import io.lamina.host.store.GarbageCollection;
import io.lamina.host.store.Publication;
import io.lamina.host.store.Snapshot;
import io.lamina.host.store.Store;
import io.lamina.host.store.StoreCheck;
import io.lamina.host.store.StoreSize;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code lamina store}. */
@Command(
        name = "store",
        description = "Looks after the store; all of it can run beside the daemon.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            StoreCommand.ListIt.class,
            StoreCommand.Size.class,
            StoreCommand.Check.class,
            StoreCommand.Collect.class,
            StoreCommand.Publish.class
        })
final class StoreCommand {
    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
    }

    /** {@code lamina store ls}. */
    @Command(
            name = "ls",
            description = "Lists the snapshots with their layers.",
            mixinStandardHelpOptions = true,
            footerHeading = "%nExamples:%n",
            footer = {"  lamina store ls --root /var/lib/lamina"})
    static final class ListIt implements Callable<Integer> {
        @Mixin
        private StoreOptions options = new StoreOptions();

        @Mixin
        private Answer.Form form = new Answer.Form();

        @Override
        public Integer call() throws IOException {
            List<String> lines = new ArrayList<>();
            List<Object> all = new ArrayList<>();
            try (Store store = Store.openBeside(options.paths().root())) {
                for (Snapshot snapshot : store.snapshots().all()) {
                    String kind = snapshot.kind().name().toLowerCase(Locale.ROOT);
                    String parent = snapshot.parent().map(Snapshot.Parent::key).orElse("");
                    String layer = snapshot.content()
                            .blob()
                            .map(BlobName::diffId)
                            .map(Object::toString)
                            .orElse("");
                    lines.add(kind + " " + snapshot.key() + (parent.isEmpty() ? "" : " on " + parent)
                            + (layer.isEmpty() ? "" : ", layer " + layer));
                    all.add(Map.of("kind", kind, "key", snapshot.key(), "parent", parent, "layer", layer));
                }
            }
            form.print(new Answer().withHidden("snapshots", all).withLines(lines));
            return 0;
        }
    }

    /** {@code lamina store du}. */
    @Command(
            name = "du",
            description = "Tells what takes the disk, and what sharing saves.",
            mixinStandardHelpOptions = true,
            footerHeading = "%nExamples:%n",
            footer = {"  lamina store du --json"})
    static final class Size implements Callable<Integer> {
        @Mixin
        private StoreOptions options = new StoreOptions();

        @Mixin
        private Answer.Form form = new Answer.Form();

        @Override
        public Integer call() throws IOException {
            StoreSize size;
            try (Store store = Store.openBeside(options.paths().root())) {
                size = StoreSize.of(store);
            }
            form.print(new Answer()
                    .withHidden("blobBytes", size.blobs())
                    .withHidden("fsmetaBytes", size.fsmetas())
                    .withHidden("snapshotBytes", size.snapshots())
                    .withHidden("unsharedBytes", size.ifNothingWereShared())
                    .withLines(List.of(
                            "layers        " + mebibytes(size.blobs()) + ", " + mebibytes(size.ifNothingWereShared())
                                    + " if each snapshot had its own",
                            "merged trees  " + mebibytes(size.fsmetas()),
                            "written       " + mebibytes(size.snapshots()))));
            return 0;
        }
    }

    /** {@code lamina store fsck}. */
    @Command(
            name = "fsck",
            description = {
                "Checks that the store is whole; the exit status is 123 where it is not.",
                "",
                "With --deep every byte is read and compared with its hash."
            },
            mixinStandardHelpOptions = true,
            footerHeading = "%nExamples:%n",
            footer = {"  lamina store fsck --deep"})
    static final class Check implements Callable<Integer> {
        @Mixin
        private StoreOptions options = new StoreOptions();

        @Option(names = "--deep", description = "Read and hash everything.")
        private boolean deep;

        @Option(
                names = "--quarantine",
                description = "Put damaged layers aside, so that the next pull makes them again.")
        private boolean quarantine;

        @Mixin
        private Answer.Form form = new Answer.Form();

        @Override
        public Integer call() throws IOException {
            StoreCheck.Findings findings;
            try (Store store = Store.openBeside(options.paths().root())) {
                Progress progress = new Progress("checking");
                try {
                    findings = StoreCheck.check(store, deep, bytes -> progress.bytes(bytes, 0));
                } finally {
                    progress.done();
                }
                if (quarantine) {
                    StoreCheck.quarantine(store, findings);
                }
            }
            List<String> lines = new ArrayList<>(findings.problems());
            lines.add(findings.blobs() + " layers, "
                    + (findings.problems().isEmpty()
                            ? "all is well"
                            : findings.problems().size() + " problems"));
            form.print(new Answer()
                    .withHidden("blobs", findings.blobs())
                    .withHidden("problems", findings.problems())
                    .withHidden(
                            "damaged",
                            findings.damaged().stream().map(Object::toString).toList())
                    .withLines(lines));
            return findings.problems().isEmpty() ? 0 : ImageRun.STATUS_INTEGRITY;
        }
    }

    /** {@code lamina store gc}. */
    @Command(
            name = "gc",
            description = "Removes layers and merged trees that no snapshot needs and nobody has asked for lately.",
            mixinStandardHelpOptions = true,
            footerHeading = "%nExamples:%n",
            footer = {"  lamina store gc --unused-for 7d"})
    static final class Collect implements Callable<Integer> {
        @Mixin
        private StoreOptions options = new StoreOptions();

        @Option(
                names = "--unused-for",
                paramLabel = "TIME",
                defaultValue = "24h",
                converter = Time.class,
                description =
                        "Such as 30m, 24h or 7d (default ${DEFAULT-VALUE}). Below 1h only while nothing is pulled.")
        private Duration unusedFor = Duration.ofHours(24);

        @Mixin
        private Answer.Form form = new Answer.Form();

        @Override
        public Integer call() throws IOException {
            GarbageCollection.Removed removed;
            try (Store store = Store.openBeside(options.paths().root())) {
                removed = GarbageCollection.run(store, unusedFor);
            }
            form.print(new Answer()
                    .withHidden("blobs", (long) removed.blobs())
                    .withHidden("bytes", removed.bytes())
                    .withHidden("fsmetas", (long) removed.fsmetas())
                    .withLines(List.of("removed " + removed.blobs() + " layers of " + mebibytes(removed.bytes())
                            + " and " + removed.fsmetas() + " merged trees")));
            return 0;
        }
    }

    /** {@code lamina store publish}. */
    @Command(
            name = "publish",
            description = {
                "Makes the store's images readable for other stores.",
                "",
                "They name it in additional_stores and never write it. What changes later is published by itself."
            },
            mixinStandardHelpOptions = true,
            footerHeading = "%nExamples:%n",
            footer = {"  lamina store publish --root /var/lib/lamina"})
    static final class Publish implements Callable<Integer> {
        @Mixin
        private StoreOptions options = new StoreOptions();

        @Mixin
        private Answer.Form form = new Answer.Form();

        @Override
        public Integer call() throws IOException {
            try (Store store = Store.openBeside(options.paths().root())) {
                Path index = Publication.publish(store);
                form.print(new Answer().with("published", "index", index.toString()));
            }
            return 0;
        }
    }

    private static final class Time implements ITypeConverter<Duration> {
        @Override
        public Duration convert(String text) {
            if (!text.matches("[0-9]{1,6}[smhd]")) {
                throw new TypeConversionException("'" + text + "' is no time such as 30m, 24h or 7d");
            }
            long number = Long.parseLong(text.substring(0, text.length() - 1));
            return switch (text.charAt(text.length() - 1)) {
                case 's' -> Duration.ofSeconds(number);
                case 'm' -> Duration.ofMinutes(number);
                case 'h' -> Duration.ofHours(number);
                default -> Duration.ofDays(number);
            };
        }
    }
}
