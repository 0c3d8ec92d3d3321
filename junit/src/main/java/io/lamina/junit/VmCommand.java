package io.lamina.junit;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A command about to be run in a machine. For one thread; an instance may be run several times. */
public final class VmCommand {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final VirtualMachine machine;
    private final List<String> words;
    private final List<String> environment = new ArrayList<>();
    private String directory = "";
    private String user = "";
    private byte @Nullable [] input;
    private Duration patience = PATIENCE;

    VmCommand(VirtualMachine machine, List<String> words) {
        this.machine = machine;
        this.words = List.copyOf(words);
    }

    /** Sets a variable, over the image's of that name. */
    public VmCommand environment(String name, String value) {
        environment.add(name + "=" + value);
        return this;
    }

    /** The working directory, absolute; the image's unless given. */
    public VmCommand directory(String path) {
        directory = path;
        return this;
    }

    /** Who runs it: {@code user}, {@code uid}, {@code user:group}; the image's user unless given. */
    public VmCommand user(String name) {
        user = name;
        return this;
    }

    /** What it reads; nothing unless given. */
    public VmCommand input(byte[] bytes) {
        input = bytes.clone();
        return this;
    }

    /** As {@link #input(byte[])}, in UTF-8. */
    public VmCommand input(String text) {
        return input(text.getBytes(StandardCharsets.UTF_8));
    }

    /** How long it may take; two minutes unless given. */
    public VmCommand timeout(Duration limit) {
        patience = limit;
        return this;
    }

    /**
     * Runs it to its end.
     *
     * @throws VirtualMachineException if it takes too long, after it was killed, or the machine refuses or ends
     */
    public CommandResult run() {
        Map<String, Object> request = new LinkedHashMap<>();
        request.put("request", "exec");
        request.put("command", words);
        request.put("environment", environment);
        request.put("directory", directory);
        request.put("user", user);
        request.put("input", input != null);
        return machine.exec(request, input, patience);
    }
}
