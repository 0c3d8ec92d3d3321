package io.lamina.host.cli;

import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Parameters;

/** {@code lamina completion}. */
@Command(
        name = "completion",
        description = "Prints the completion of this command line for a shell.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  source <(lamina completion bash)                                 # in ~/.bashrc",
            "  source <(lamina completion zsh)                                  # in ~/.zshrc, behind compinit",
            "  lamina completion fish > ~/.config/fish/completions/lamina.fish"
        })
final class CompletionCommand implements Callable<Integer> {
    enum Shell {
        BASH,
        ZSH,
        FISH;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Parameters(paramLabel = "SHELL", description = "${COMPLETION-CANDIDATES}")
    private Shell shell = Shell.BASH;

    @Override
    public Integer call() {
        CommandLine all = Main.commandLine();
        // The script for bash makes zsh load what it needs for it.
        System.out.print(shell == Shell.FISH ? fish(all) : AutoComplete.bash("lamina", all));
        return 0;
    }

    /** One line for each word, with the words behind which it may stand. */
    private static String fish(CommandLine all) {
        StringBuilder script = new StringBuilder("complete -c lamina -f\n");
        fish(all, "", script);
        return script.toString();
    }

    private static void fish(CommandLine command, String path, StringBuilder script) {
        String condition = path.isEmpty() ? "__fish_use_subcommand" : "__fish_seen_subcommand_from " + path;
        for (CommandLine sub : command.getSubcommands().values()) {
            CommandSpec spec = sub.getCommandSpec();
            if (!spec.usageMessage().hidden()) {
                line(script, condition, "-a " + spec.name(), spec.usageMessage().description());
                fish(sub, spec.name(), script);
            }
        }
        for (OptionSpec option : command.getCommandSpec().options()) {
            String name = option.longestName();
            String word = name.startsWith("--") ? "-l " + name.substring(2) : "-s " + name.substring(1);
            boolean takesValue = option.arity().max() > 0;
            line(script, condition, word + (takesValue ? " -r -F" : ""), option.description());
        }
    }

    private static void line(StringBuilder script, String condition, String word, String... description) {
        String first = description.length == 0 ? "" : description[0];
        script.append("complete -c lamina -n '")
                .append(condition)
                .append("' ")
                .append(word)
                .append(" -d '")
                .append(first.replace("\\", "\\\\").replace("'", "\\'"))
                .append("'\n");
    }
}
