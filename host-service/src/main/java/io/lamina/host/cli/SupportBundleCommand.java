package io.lamina.host.cli;

import io.lamina.host.api.Daemon;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lamina support-bundle}. */
@Command(
        name = "support-bundle",
        description = {
            "Gathers what a report of a defect needs in one file.",
            "",
            "That is: versions, kernel, memory and disk, the settings, the journal's last lines, and what doctor, status, store "
                    + "ls, du and fsck say. It has no keys, credentials, environment or content of images; names of images, "
                    + "layers and paths are in it."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina support-bundle --config /etc/lamina/lamina.conf -o support.zip"})
final class SupportBundleCommand implements Callable<Integer> {
    private static final int PATIENCE_SECONDS = 30;
    private static final int MAX_PART_BYTES = 4 << 20;

    /** Each is asked as a user would; one that fails has its error in the bundle. */
    private static final List<List<String>> QUESTIONS = List.of(
            List.of("doctor"),
            List.of("status"),
            List.of("store", "ls"),
            List.of("store", "du"),
            List.of("store", "fsck"));

    private static final List<List<String>> PROGRAMS = List.of(
            List.of("uname", "-a"),
            List.of("df", "-hT"),
            List.of("free", "-m"),
            List.of("qemu-system-x86_64", "--version"),
            List.of("containerd", "--version"),
            List.of("journalctl", "--no-pager", "-u", "lamina", "-n", "2000"));

    private static final List<Path> FILES =
            List.of(Path.of("/etc/os-release"), Path.of("/proc/self/mounts"), Path.of("/proc/cpuinfo"));

    @Mixin
    private StoreOptions options = new StoreOptions();

    @Option(names = "-o", paramLabel = "FILE", required = true, description = "The bundle, a zip archive.")
    private Path out = Path.of("");

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        List<String> parts = new ArrayList<>();
        try (OutputFile file = OutputFile.to(out)) {
            // The file stays open for publish().
            OutputStream behind = Channels.newOutputStream(file.channel());
            ZipOutputStream zip = new ZipOutputStream(behind);
            add(zip, parts, "version", BuildVersion.text() + "\nJava " + Runtime.version() + "\n");
            for (Path source : FILES) {
                add(zip, parts, String.valueOf(source.getFileName()), readable(source));
            }
            if (options.file() != null) {
                add(zip, parts, "lamina.conf", readable(options.file()));
            }
            for (List<String> question : QUESTIONS) {
                add(zip, parts, String.join("-", question), asked(question));
            }
            for (List<String> program : PROGRAMS) {
                add(zip, parts, program.getFirst(), said(program));
            }
            zip.finish();
            file.publish();
        }
        form.print(new Answer()
                .with("bundle", "file", out.toString())
                .withHidden("parts", parts)
                .withLines(List.of("look into it before you send it: it has names of images, layers and paths")));
        return 0;
    }

    private static void add(ZipOutputStream zip, List<String> parts, String name, String text) throws IOException {
        zip.putNextEntry(new ZipEntry(name + ".txt"));
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        zip.write(bytes, 0, Math.min(bytes.length, MAX_PART_BYTES));
        zip.closeEntry();
        parts.add(name);
    }

    private static String readable(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException missing) {
            return missing + "\n";
        }
    }

    private String asked(List<String> question) throws IOException {
        List<String> words = new ArrayList<>(question);
        if (!question.getFirst().equals("doctor")) {
            Daemon.Paths paths = options.paths();
            words.addAll(List.of("--socket", paths.socket().toString()));
            Path config = options.file();
            words.addAll(
                    config == null
                            ? List.of("--root", paths.root().state().toString())
                            : List.of("--config", config.toString()));
        }
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        StringWriter errors = new StringWriter();
        PrintStream before = System.out;
        System.setOut(new PrintStream(answer, true, StandardCharsets.UTF_8));
        int status;
        try {
            CommandLine line = Main.commandLine();
            line.setErr(new PrintWriter(errors, true));
            status = line.execute(words.toArray(String[]::new));
        } finally {
            System.setOut(before);
        }
        return answer.toString(StandardCharsets.UTF_8) + errors + "status " + status + "\n";
    }

    private static String said(List<String> program) throws IOException, InterruptedException {
        Path output = Files.createTempFile("lamina-support", "");
        try {
            Process process = new ProcessBuilder(program)
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            process.getOutputStream().close();
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return "no answer within " + PATIENCE_SECONDS + " s\n";
            }
            return readable(output);
        } catch (IOException absent) {
            return absent.getMessage() + "\n";
        } finally {
            Files.delete(output);
        }
    }
}
