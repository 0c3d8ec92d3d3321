package io.lamina.host.cli;

import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() {
        CommandLine all = Main.commandLine();
        // The script for bash makes zsh load what it needs for it.
        String script = shell == Shell.FISH ? fish(all) : AutoComplete.bash("lamina", all);
        if (form.json()) {
            form.print(new Answer().with("shell", "shell", shell.toString()).with("script", "script", script));
        } else {
            System.out.print(script);
        }
        return 0;
    }

    /**
     * One line for each word, with the command behind which it may stand: words that are no options, in their order, which
     * is what tells {@code store ls} from {@code erofs ls}.
     */
    private static String fish(CommandLine all) {
        StringBuilder script = new StringBuilder("""
                function __lamina_at
                    set -l words (string match -v -- '-*' (commandline -opc)[2..])
                    set -l given $argv
                    test (count $words) -ge (count $given) -a "$words[1..(count $given)]" = "$given"
                end
                function __lamina_verb
                    set -l words (string match -v -- '-*' (commandline -opc)[2..])
                    test (count $words) -eq (count $argv) -a "$words" = "$argv"
                end
                complete -c lamina -f
                """);
        fish(all, "", script);
        return script.toString();
    }

    private static void fish(CommandLine command, String path, StringBuilder script) {
        for (CommandLine sub : command.getSubcommands().values()) {
            CommandSpec spec = sub.getCommandSpec();
            if (!spec.usageMessage().hidden()) {
                line(
                        script,
                        "__lamina_verb" + path,
                        "-a " + spec.name(),
                        spec.usageMessage().description());
                fish(sub, path + " " + spec.name(), script);
            }
        }
        boolean takesFiles = command.getSubcommands().isEmpty()
                && !command.getCommandSpec().positionalParameters().isEmpty();
        if (takesFiles) {
            script.append("complete -c lamina -n '__lamina_at" + path + "' -F\n");
        }
        for (OptionSpec option : command.getCommandSpec().options()) {
            String name = option.longestName();
            String word = name.startsWith("--") ? "-l " + name.substring(2) : "-s " + name.substring(1);
            boolean takesValue = option.arity().max() > 0;
            line(
                    script,
                    (command.getSubcommands().isEmpty() ? "__lamina_at" : "__lamina_verb") + path,
                    word + (takesValue ? " -r -F" : ""),
                    option.description());
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
