package io.lamina.guest;

import com.google.protobuf.ByteString;
import io.lamina.guest.Accounts.User;
import io.lamina.images.oci.ImageConfig.Execution;
import io.lamina.linux.Spawn;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What is run in the container: the image's Entrypoint and Cmd, or what the host asks for instead. */
final class Command {
    /** For an image that sets none, as other runtimes have it. */
    private static final String DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private final List<byte[]> arguments;
    private final Execution execution;

    private Command(List<byte[]> arguments, Execution execution) {
        this.arguments = arguments;
        this.execution = execution;
    }

    /** The command; empty when neither the image nor the host names one. */
    static Optional<Command> of(Execution execution, List<ByteString> instead) {
        List<byte[]> arguments = new ArrayList<>();
        if (instead.isEmpty()) {
            execution.entrypoint().forEach(word -> arguments.add(word.getBytes(StandardCharsets.UTF_8)));
            execution.cmd().forEach(word -> arguments.add(word.getBytes(StandardCharsets.UTF_8)));
        } else {
            instead.forEach(word -> arguments.add(word.toByteArray()));
        }
        return arguments.isEmpty() ? Optional.empty() : Optional.of(new Command(arguments, execution));
    }

    /** {@code image} with what a request says instead: variables over those of their name, directory and user if not empty. */
    static Execution changed(Execution image, List<String> environment, String directory, String user) {
        List<String> variables = new ArrayList<>(image.env());
        for (String variable : environment) {
            String name = variable.substring(0, variable.indexOf('=') + 1);
            variables.removeIf(other -> other.startsWith(name));
            variables.add(variable);
        }
        return new Execution(
                image.entrypoint(),
                image.cmd(),
                variables,
                directory.isEmpty() ? image.workingDir() : directory,
                user.isEmpty() ? image.user() : user);
    }

    /**
     * The command as a program about to be started in the mount {@code root}; a working directory that the image lacks is
     * made.
     *
     * @throws CommandException if the image's user is not among its accounts, or a file of the image cannot be read
     */
    Spawn in(Path root) throws CommandException {
        try {
            return container(root);
        } catch (IOException failure) {
            throw new CommandException(String.valueOf(failure.getMessage()), failure);
        }
    }

    private Spawn container(Path root) throws IOException {
        User user = Accounts.of(root).find(execution.user());
        String directory =
                execution.workingDir().startsWith("/") ? execution.workingDir() : "/" + execution.workingDir();
        Path resolved = RootPath.resolve(root, directory);
        if (!Files.exists(resolved)) {
            Files.createDirectories(resolved);
        }
        List<String> environment = environment(user.home());
        return spawn(files(environment), environment)
                .root(root)
                .directory(directory)
                .credentials(user.credentials());
    }

    /** The command's arguments, for the first of {@code files} that can be executed. */
    Spawn spawn(List<String> files, List<String> environment) {
        return Spawn.firstOf(files, arguments).environment(environment);
    }

    /** The image's variables, with PATH and HOME where it sets none. */
    List<String> environment(String home) {
        List<String> variables = new ArrayList<>(execution.env());
        addUnlessSet(variables, "PATH=", DEFAULT_PATH);
        addUnlessSet(variables, "HOME=", home);
        return variables;
    }

    /** Files that can be the program, in the order of {@code execvp(3)}. */
    private List<String> files(List<String> environment) {
        String name = new String(arguments.getFirst(), StandardCharsets.UTF_8);
        if (name.contains("/") || name.isEmpty()) {
            return List.of(name);
        }
        String path = environment.stream()
                .filter(variable -> variable.startsWith("PATH="))
                .reduce((first, last) -> last)
                .orElseThrow()
                .substring("PATH=".length());
        List<String> files = new ArrayList<>();
        for (String directory : path.split(":", -1)) {
            files.add((directory.isEmpty() ? "." : directory) + "/" + name);
        }
        return files;
    }

    private static void addUnlessSet(List<String> variables, String name, String value) {
        if (variables.stream().noneMatch(variable -> variable.startsWith(name))) {
            variables.add(name + value);
        }
    }
}
