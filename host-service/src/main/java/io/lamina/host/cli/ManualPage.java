package io.lamina.host.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/** A command's manual page, in the macros of man(7), out of what {@code --help} says. */
final class ManualPage {
    private final CommandLine command;
    private final StringBuilder page = new StringBuilder();

    private ManualPage(CommandLine command) {
        this.command = command;
    }

    /** What the page is called, such as {@code lamina-store-gc}. */
    static String name(CommandLine command) {
        return command.getCommandSpec().qualifiedName("-");
    }

    /** The page's source. */
    static String of(CommandLine command, String version) {
        return new ManualPage(command).write(version);
    }

    private String write(String version) {
        CommandSpec spec = command.getCommandSpec();
        UsageMessageSpec usage = spec.usageMessage();
        String name = name(command);
        String[] description = usage.description();
        page.append(".TH \"" + name.toUpperCase(Locale.ROOT) + "\" 1 \"\" \"Lamina " + version + "\" \"Lamina\"\n");
        section("NAME");
        page.append(escaped(name) + " \\- " + escaped(description.length == 0 ? "" : description[0]) + "\n");
        section("SYNOPSIS");
        page.append(".nf\n" + escaped(command.getHelp().synopsis(0).strip()) + "\n.fi\n");
        if (description.length > 1) {
            section("DESCRIPTION");
            paragraphs(Arrays.asList(description).subList(1, description.length));
        }
        arguments(spec);
        options(spec);
        commands();
        footer(usage);
        section("SEE ALSO");
        CommandLine parent = command.getParent();
        page.append(
                parent == null
                        ? escaped("lamina COMMAND --help") + "\n"
                        : ".BR " + escaped(name(parent)) + " (1)"
                                + (parent.getParent() == null ? "" : ",\n.BR lamina (1)") + "\n");
        return page.toString();
    }

    private void section(String heading) {
        page.append(".SH " + heading + "\n");
    }

    private void paragraphs(List<String> lines) {
        for (String line : lines) {
            page.append(line.isEmpty() ? ".PP\n" : escaped(line) + "\n");
        }
    }

    private void arguments(CommandSpec spec) {
        List<PositionalParamSpec> shown = spec.positionalParameters().stream()
                .filter(one -> !one.hidden())
                .toList();
        if (!shown.isEmpty()) {
            section("ARGUMENTS");
            shown.forEach(one -> item("\\fI" + escaped(one.paramLabel()) + "\\fR", one));
        }
    }

    private void options(CommandSpec spec) {
        section("OPTIONS");
        for (OptionSpec option : spec.options()) {
            if (!option.hidden()) {
                String value = option.arity().max() == 0 ? "" : " \\fI" + escaped(option.paramLabel()) + "\\fR";
                item(
                        Arrays.stream(option.names())
                                .map(name -> "\\fB" + escaped(name) + "\\fR")
                                .collect(Collectors.joining(", ", "", value)),
                        option);
            }
        }
    }

    private void item(String heading, ArgSpec argument) {
        page.append(".TP\n" + heading + "\n");
        paragraphs(List.of(argument.description()));
    }

    private void commands() {
        if (!command.getSubcommands().isEmpty()) {
            section("COMMANDS");
            command.getSubcommands().values().forEach(sub -> {
                page.append(".TP\n.B " + escaped(sub.getCommandName()) + "\n");
                paragraphs(List.of(sub.getCommandSpec().usageMessage().description()[0]));
            });
        }
    }

    /** Examples, or what the statuses mean: each line stands as it is. */
    private void footer(UsageMessageSpec usage) {
        String heading =
                usage.footerHeading().replace("%n", "").replace(":", "").strip();
        if (!heading.isEmpty()) {
            section(heading.toUpperCase(Locale.ROOT));
            page.append(".nf\n");
            for (String line : usage.footer()) {
                page.append(escaped(line) + "\n");
            }
            page.append(".fi\n");
        }
    }

    /** groff(7): backslashes and what starts a request; a bare hyphen would become one that cannot be copied. */
    private static String escaped(String text) {
        String plain = Help.Ansi.OFF.string(text).replace("\\", "\\e").replace("-", "\\-");
        return plain.lines()
                .map(line -> line.startsWith(".") || line.startsWith("'") ? "\\&" + line : line)
                .collect(Collectors.joining("\n"));
    }
}
