package io.lamina.host.cli;

import io.lamina.host.guestimage.GuestImage;
import io.lamina.host.guestimage.GuestImages;
import io.lamina.host.run.Installation;
import io.lamina.images.json.JsonWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code lamina guest}: what virtual machines boot. */
@Command(
        name = "guest",
        description = "Builds what virtual machines boot: a stock Debian kernel, and an initramfs with the agent.",
        mixinStandardHelpOptions = true,
        subcommands = {GuestCommand.Build.class, GuestMeasureCommand.class})
final class GuestCommand {
    /** {@code lamina guest build}. */
    @Command(
            name = "build",
            description = {
                "Downloads the kernel and a few packages, and builds the initramfs: a small Java runtime, the agent, kernel "
                        + "modules.",
                "",
                "The same packages, Java and agent give the same bytes. run and quickstart do this by themselves when it "
                        + "was not done yet."
            },
            mixinStandardHelpOptions = true,
            footerHeading = "%nExamples:%n",
            footer = {"  lamina guest build"})
    static final class Build implements Callable<Integer> {
        @Option(names = "--json", description = "Tell paths, sizes and digests as JSON.")
        private boolean json;

        @Option(
                names = "--keep-packages",
                description = "Take the packages of the last build, if there are some, and not the newest.")
        private boolean keepPackages;

        @Override
        public Integer call() throws IOException, InterruptedException {
            Installation installation = Installation.current();
            GuestImages images = installation.guestImages();
            GuestImage image = keepPackages ? images.current() : images.rebuild();
            System.out.println(json ? json(image) : words(image));
            return 0;
        }

        private static String json(GuestImage image) {
            return new String(
                    JsonWriter.write(Map.of(
                            "kernel", image.kernel().toString(),
                            "kernelRelease", image.kernelRelease(),
                            "kernelDigest", image.kernelDigest().toString(),
                            "initramfs", image.initramfs().toString(),
                            "initramfsDigest", image.initramfsDigest().toString(),
                            "compressedBytes", image.sizes().compressedBytes(),
                            "unpackedBytes", image.sizes().unpackedBytes())),
                    StandardCharsets.UTF_8);
        }

        private static String words(GuestImage image) {
            return "kernel     " + image.kernel() + ", " + image.kernelRelease() + "\n           "
                    + image.kernelDigest()
                    + "\ninitramfs  " + image.initramfs() + "\n           " + image.initramfsDigest() + "\n           "
                    + mebibytes(image.sizes().compressedBytes()) + " compressed, "
                    + mebibytes(image.sizes().unpackedBytes()) + " in the guest's memory";
        }

        private static String mebibytes(long bytes) {
            return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
        }
    }
}
