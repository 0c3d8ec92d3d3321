package io.lamina.host.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lamina man}. */
@Command(
        name = "man",
        description = {
            "Writes the manual pages of all commands.",
            "",
            "Installations have them already: 'man lamina', 'man lamina-run'."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina man -o ~/.local/share/man/man1"})
final class ManCommand implements Callable<Integer> {
    @Option(names = "-o", paramLabel = "DIR", required = true, description = "Where they go; it is made.")
    private Path directory = Path.of("");

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        Files.createDirectories(directory);
        List<String> written = new ArrayList<>();
        write(Main.commandLine(), written);
        form.print(new Answer()
                .withHidden("pages", written)
                .withLines(List.of(written.size() + " pages in " + directory)));
        return 0;
    }

    private void write(CommandLine command, List<String> written) throws IOException {
        Path page = directory.resolve(ManualPage.name(command) + ".1");
        Files.writeString(page, ManualPage.of(command, BuildVersion.text()));
        written.add(page.toString());
        for (CommandLine sub : command.getSubcommands().values()) {
            if (!sub.getCommandName().equals("help")) {
                write(sub, written);
            }
        }
    }
}
