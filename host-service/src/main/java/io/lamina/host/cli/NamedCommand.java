package io.lamina.host.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;

/**
 * The command that the first words of a command line name. Reading the annotations of all other commands would take
 * longer than many a command runs, so that only the named one is made, below bare names of those that it is part of;
 * for help, and where words name nothing, the whole tree.
 *
 * @param line what the rest of the words is for
 * @param rest the words behind the names
 */
record NamedCommand(CommandLine line, List<String> rest) {
    static NamedCommand of(Class<?> root, String[] words) {
        Class<?> named = root;
        CommandSpec parent = null;
        int depth = 0;
        while (named.getAnnotation(Command.class).subcommands().length > 0) {
            Class<?> next = depth < words.length ? subcommand(named, words[depth]) : null;
            if (next == null) {
                return new NamedCommand(Main.commandLine(), List.of(words));
            }
            CommandSpec name =
                    CommandSpec.create().name(named.getAnnotation(Command.class).name());
            parent = parent == null ? name : name.parent(parent);
            named = next;
            depth++;
        }
        CommandLine line = Main.configured(new CommandLine(named));
        line.getCommandSpec().parent(parent);
        return new NamedCommand(line, List.of(words).subList(depth, words.length));
    }

    private static @Nullable Class<?> subcommand(Class<?> group, String name) {
        for (Class<?> candidate : group.getAnnotation(Command.class).subcommands()) {
            boolean named = candidate != HelpCommand.class
                    && candidate.getAnnotation(Command.class).name().equals(name);
            if (named) {
                return candidate;
            }
        }
        return null;
    }

    int execute() {
        return line.execute(rest.toArray(String[]::new));
    }
}
