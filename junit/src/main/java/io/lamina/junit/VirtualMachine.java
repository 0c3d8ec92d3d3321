package io.lamina.junit;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Base64;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A virtual machine with a container of an image in it. It belongs to this process: however that ends, the machine ends.
 * Any thread may use an instance, several at once.
 */
public final class VirtualMachine implements AutoCloseable {
    private static final Duration COPY_PATIENCE = Duration.ofMinutes(10);
    private static final Duration SHORT_PATIENCE = Duration.ofMinutes(1);
    private static final int END_PATIENCE_SECONDS = 20;
    private static final int INPUT_PIECE_BYTES = 48 << 10;
    private static final int KEPT_LINES = 50;

    /** How long what lamina says on standard error is waited for when it has ended. */
    private static final long LAST_WORDS_MILLIS = 2000;

    private static final long SIGKILL = 9;

    private final MachineSettings settings;
    private final Process process;
    private final AtomicInteger lastId = new AtomicInteger();
    private final Map<Long, Pending> pending = new ConcurrentHashMap<>();
    private final CompletableFuture<Map<String, Object>> ready = new CompletableFuture<>();

    /** The last lines that the command said on standard error; guarded by itself. */
    private final Deque<String> said = new ArrayDeque<>();

    private volatile String lastConsole = "";

    private VirtualMachine(MachineSettings settings, Process process) {
        this.settings = settings;
        this.process = process;
    }

    /**
     * Boots a machine and waits until its container is there.
     *
     * @throws VirtualMachineException if that fails; the message says why
     */
    public static VirtualMachine boot(MachineSettings settings) {
        Process process;
        try {
            process = new ProcessBuilder(settings.commandLine()).start();
        } catch (IOException failure) {
            throw new VirtualMachineException(
                    "cannot start '" + settings.commandLine().get(0)
                            + "'; put lamina on the path, or name it by the system property lamina.command",
                    failure);
        }
        VirtualMachine machine = new VirtualMachine(settings, process);
        Thread messages = daemon("lamina messages", machine::readMessages);
        Thread unused = daemon("lamina events", () -> machine.readEvents(messages));
        try {
            Map<String, Object> first = machine.await(
                    machine.ready, Duration.ofSeconds(settings.bootTimeoutSeconds()), "booting " + settings.image());
            if (!"ready".equals(first.get("event"))) {
                throw machine.failure("the machine refused " + settings.image() + ": " + first);
            }
        } catch (VirtualMachineException failure) {
            machine.process.destroyForcibly();
            throw failure;
        }
        return machine;
    }

    /** What it was started with. */
    public MachineSettings settings() {
        return settings;
    }

    /** Whether it still runs. */
    public boolean isAlive() {
        return process.isAlive();
    }

    /** A command to be run in the container, for more than {@link #run} says. */
    public VmCommand command(String... words) {
        return new VmCommand(this, List.of(words));
    }

    /** Runs a command with the image's environment, directory and user. */
    public CommandResult run(String... words) {
        return command(words).run();
    }

    /** Runs a line of {@code /bin/sh}. */
    public CommandResult shell(String line) {
        return run("/bin/sh", "-c", line);
    }

    /** Copies a file, or what is in a directory, into the directory {@code target}, which is made where there is none. */
    public void copyIn(Path source, String target) {
        String from = source.toAbsolutePath().toString();
        done(ask(request("copy-in", Map.of("from", from, "to", target))), COPY_PATIENCE, "copying to " + target);
    }

    /** Copies a file, or what is in a directory, to the directory {@code target}, which is made where there is none. */
    public void copyOut(String source, Path target) {
        String to = target.toAbsolutePath().toString();
        done(ask(request("copy-out", Map.of("from", source, "to", to))), COPY_PATIENCE, "copying " + source);
    }

    /** Writes a file, and makes its directory where there is none. */
    public void write(String path, String text) {
        int slash = path.lastIndexOf('/');
        withDirectory(directory -> {
            Files.writeString(directory.resolve(path.substring(slash + 1)), text);
            copyIn(directory, slash <= 0 ? "/" : path.substring(0, slash));
            return "";
        });
    }

    /** The content of a file. */
    public String read(String path) {
        return withDirectory(directory -> {
            copyOut(path, directory);
            return Files.readString(directory.resolve(path.substring(path.lastIndexOf('/') + 1)));
        });
    }

    /** Writes what the container has written, as the tar of an OCI layer, to {@code file}. */
    public void commit(Path file) {
        String to = file.toAbsolutePath().toString();
        done(ask(request("commit", Map.of("to", to))), COPY_PATIENCE, "committing");
    }

    /** Makes the container as new: its processes are killed and what they wrote is forgotten. */
    public void renew() {
        done(ask(request("renew", Map.of())), SHORT_PATIENCE, "renewing the container");
    }

    /** The last lines of the console: what kernel and agent said. */
    public String console() {
        Pending asked = ask(request("console", Map.of()));
        return String.valueOf(
                await(asked.end(), SHORT_PATIENCE, "reading the console").get("text"));
    }

    /** Powers the machine off. */
    @Override
    public void close() {
        try (OutputStream in = process.getOutputStream()) {
            in.flush();
        } catch (IOException gone) {
            // It has ended.
        }
        try {
            if (!process.waitFor(END_PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException stop) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    CommandResult exec(Map<String, Object> request, byte @Nullable [] input, Duration patience) {
        Pending asked = ask(request);
        if (input != null) {
            long id = number(request, "id");
            Thread unused = daemon("lamina input", () -> feed(asked, id, input));
        }
        Map<String, Object> end;
        try {
            end = await(asked.end(), patience, "running " + request.get("command"));
        } catch (VirtualMachineException late) {
            send(Map.of("request", "signal", "id", number(request, "id"), "number", SIGKILL));
            throw new VirtualMachineException(late.getMessage() + "\nso far: " + asked.result(-1), late);
        }
        if (!"exited".equals(end.get("event"))) {
            throw failure("the machine did not run " + request.get("command") + ": " + end);
        }
        Object why = end.get("failure");
        int status = (int) number(end, "status");
        CommandResult result = asked.result(status);
        return "".equals(why)
                ? result
                : new CommandResult(status, result.stdout(), result.stderr() + "lamina: " + why + "\n");
    }

    private static long number(Map<String, Object> members, String name) {
        if (members.get(name) instanceof Long number) {
            return number;
        }
        throw new VirtualMachineException("lamina's event has no number " + name + ": " + members);
    }

    private void feed(Pending asked, long id, byte[] input) {
        try {
            int done = 0;
            while (done < input.length) {
                int count = asked.room(Math.min(INPUT_PIECE_BYTES, input.length - done));
                if (count == 0) {
                    return;
                }
                String data = Base64.getEncoder().encodeToString(Arrays.copyOfRange(input, done, done + count));
                send(Map.of("request", "input", "id", id, "data", data));
                done += count;
            }
            send(Map.of("request", "input", "id", id, "end", true));
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    private Map<String, Object> request(String kind, Map<String, Object> members) {
        Map<String, Object> request = new LinkedHashMap<>(members);
        request.put("request", kind);
        return request;
    }

    private Pending ask(Map<String, Object> request) {
        long id = lastId.incrementAndGet();
        request.put("id", id);
        Pending asked = new Pending();
        pending.put(id, asked);
        send(request);
        if (!process.isAlive()) {
            asked.end().completeExceptionally(failure("the machine has ended"));
        }
        return asked;
    }

    private void done(Pending asked, Duration patience, String what) {
        Map<String, Object> end = await(asked.end(), patience, what);
        if (!"done".equals(end.get("event")) || !"".equals(end.get("failure"))) {
            throw new VirtualMachineException(what + " failed: "
                    + ("done".equals(end.get("event")) ? String.valueOf(end.get("failure")) : end.toString()));
        }
    }

    private Map<String, Object> await(CompletableFuture<Map<String, Object>> event, Duration patience, String what) {
        try {
            return event.get(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException late) {
            throw failure(what + " took more than " + patience.toSeconds() + " s");
        } catch (ExecutionException failed) {
            throw new VirtualMachineException(
                    what + ": "
                            + String.valueOf(
                                    failed.getCause() == null
                                            ? failed
                                            : failed.getCause().getMessage()),
                    failed);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new VirtualMachineException(what + " was interrupted", stop);
        }
    }

    private void send(Map<String, Object> request) {
        byte[] line = (Json.write(request) + "\n").getBytes(StandardCharsets.UTF_8);
        OutputStream in = process.getOutputStream();
        try {
            synchronized (in) {
                in.write(line);
                in.flush();
            }
        } catch (IOException ended) {
            throw failure("the machine has ended");
        }
    }

    private void readEvents(Thread messages) {
        try (BufferedReader events = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = events.readLine(); line != null; line = events.readLine()) {
                take(Json.object(line));
            }
        } catch (IOException | IllegalArgumentException broken) {
            note("lamina's events: " + broken.getMessage());
        }
        try {
            messages.join(LAST_WORDS_MILLIS);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
        VirtualMachineException over = failure("the machine has ended");
        ready.completeExceptionally(over);
        pending.values().forEach(asked -> asked.end().completeExceptionally(over));
    }

    private void take(Map<String, Object> event) {
        if (event.get("id") instanceof Long id) {
            Pending asked = pending.get(id);
            if (asked != null && asked.take(event)) {
                pending.remove(id);
            }
            return;
        }
        if ("lost".equals(event.get("event"))) {
            note(String.valueOf(event.get("failure")));
            lastConsole = String.valueOf(event.get("console"));
        } else {
            ready.complete(event);
        }
    }

    private void readMessages() {
        try (BufferedReader messages =
                new BufferedReader(new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8))) {
            for (String line = messages.readLine(); line != null; line = messages.readLine()) {
                note(line);
            }
        } catch (IOException closed) {
            note("lamina's messages: " + closed.getMessage());
        }
    }

    private void note(String line) {
        synchronized (said) {
            said.add(line);
            if (said.size() > KEPT_LINES) {
                said.remove();
            }
        }
    }

    private VirtualMachineException failure(String what) {
        StringBuilder message = new StringBuilder(what);
        synchronized (said) {
            said.forEach(line -> message.append("\n  ").append(line));
        }
        if (!lastConsole.isEmpty()) {
            message.append("\n--- console\n").append(lastConsole);
        }
        return new VirtualMachineException(message.toString());
    }

    private interface DirectoryUse {
        String in(Path directory) throws IOException;
    }

    private static String withDirectory(DirectoryUse use) {
        try {
            Path directory = Files.createTempDirectory("lamina-copy-");
            try {
                return use.in(directory);
            } finally {
                Directories.delete(directory);
            }
        } catch (IOException failure) {
            throw new VirtualMachineException("copying a file: " + failure.getMessage(), failure);
        }
    }

    private static Thread daemon(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }
}
