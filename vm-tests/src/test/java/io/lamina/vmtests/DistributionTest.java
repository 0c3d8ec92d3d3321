package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lamina dist}: what is handed on has everything, and works without the checkout. */
class DistributionTest {
    @TempDir
    private Path directory;

    @Test
    void theTarballRunsWhereItIsUnpackedAndThePackageNamesItsParts() throws IOException, InterruptedException {
        Machine.needsProgram("dpkg-deb", "tar", "xz");
        Path out = directory.resolve("dist");
        run(
                Path.of("target/lamina-home"),
                LaminaCommand.root().resolve("lamina").toString(),
                "--no-install",
                "dist",
                out + "");
        run(directory, "tar", "-C", directory + "", "-xzf", only(out, ".tar.gz") + "");
        Path unpacked = only(directory, "-linux-x86_64");
        String lamina = unpacked.resolve("lamina").toString();
        assertTrue(run(directory, lamina, "--version").startsWith("lamina "), "it has a version");
        Path layer = directory.resolve("layer.tar");
        run(directory, "tar", "-C", unpacked + "", "-cf", layer + "", "docs");
        String converted =
                run(directory, lamina, "layer", "convert", "--json", "-o", directory + "/layer.erofs", layer + "");
        assertTrue(converted.contains("\"verityRoot\""), converted);
        String measured = run(directory, lamina, "guest", "measure", "--json");
        assertTrue(measured.contains("\"initramfsDigest\""), measured);
        assertTrue(
                Files.size(unpacked.resolve("share/man/man1/lamina-store-gc.1")) > 0,
                "pages of commands below commands");
        for (String bill : List.of("lamina", "guest-agent", "guest-image")) {
            String text = Files.readString(unpacked.resolve("share/sbom/" + bill + ".cdx.json"));
            assertTrue(text.replace(" ", "").contains("\"bomFormat\":\"CycloneDX\""), bill);
        }

        Path deb = only(out, ".deb");
        String control = run(directory, "dpkg-deb", "-f", deb + "");
        assertTrue(control.contains("Depends: libc6 (>= 2.17), libisal2"), control);
        String files = run(directory, "dpkg-deb", "-c", deb + "");
        for (String file : List.of(
                "./usr/bin/lamina",
                "./usr/lib/systemd/system/lamina.service",
                "./usr/lib/lamina/guest/initramfs",
                "./usr/share/man/man1/lamina-run.1.gz",
                "./usr/share/bash-completion/completions/lamina",
                "./usr/share/zsh/vendor-completions/_lamina",
                "./usr/share/fish/vendor_completions.d/lamina.fish",
                "./etc/lamina/lamina.conf")) {
            assertTrue(files.contains(" " + file), file);
        }
    }

    @Test
    @Tag("soak")
    void thePackageInstallsOnAFreshDebianAndLeavesNothing() throws IOException, InterruptedException {
        Machine.needsRoot();
        Machine.needsProgram("debootstrap", "unshare");
        Path out = directory.resolve("dist");
        run(
                Path.of("target/lamina-home"),
                LaminaCommand.root().resolve("lamina").toString(),
                "--no-install",
                "dist",
                out + "");
        String script = LaminaCommand.root().resolve("scripts/install-test").toString();
        String said = run(directory, script, "--boot", only(out, ".deb") + "");
        assertTrue(said.contains("nothing is left"), said);
    }

    @Test
    @Tag("soak")
    void twoCheckoutsGiveTheSameBytes() throws IOException, InterruptedException {
        String script = LaminaCommand.root().resolve("scripts/reproduce").toString();
        String said = run(Path.of("target/lamina-home"), script);
        assertTrue(said.contains("the same bytes"), said);
    }

    private static Path only(Path directory, String ending) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            List<Path> found =
                    all.filter(file -> file.toString().endsWith(ending)).toList();
            assertEquals(1, found.size(), ending + " in " + directory + ": " + found);
            return found.getFirst();
        }
    }

    /** Runs a program with {@code home} as Lamina's home; what it says. */
    private static String run(Path home, String... words) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
        builder.environment().put("LAMINA_HOME", home.toAbsolutePath().toString());
        Path said = Files.createTempFile("lamina-dist", ".log");
        try {
            Process process = builder.redirectOutput(said.toFile()).start();
            process.getOutputStream().close();
            assertTrue(process.waitFor(60, TimeUnit.MINUTES), () -> "still running: " + String.join(" ", words));
            String text = Files.readString(said, StandardCharsets.UTF_8);
            assertEquals(0, process.exitValue(), () -> String.join(" ", words) + ": " + text);
            return text;
        } finally {
            Files.delete(said);
        }
    }
}
