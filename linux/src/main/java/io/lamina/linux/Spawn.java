package io.lamina.linux;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/**
 * A program about to be started: which file, with which arguments, environment and open files, where and as whom. The
 * child gets exactly what is said here: no other open file of this process, no environment of its own, no signal
 * blocked or ignored. Standard streams that are not mapped are {@code /dev/null}.
 *
 * <p>There is no {@code fork} in a Java process, so what {@code posix_spawn(3)} cannot set is set on a thread made for
 * the purpose, from which the child inherits it: its view of the file system ({@code unshare(2)}) and its credentials,
 * which Linux keeps per thread. Without root, directory and credentials the calling thread itself starts the child, so
 * that a parent-death signal the program asks for is tied to that thread.
 *
 * <p>For use by one thread; an instance may start several children.
 */
public final class Spawn {
    private final List<String> executables;
    private final List<byte[]> arguments;
    private List<byte[]> environment = List.of();
    private final SortedMap<Integer, OwnedFd> descriptors = new TreeMap<>();
    private @Nullable Path root;
    private @Nullable String directory;
    private @Nullable Credentials credentials;
    private boolean newSession;
    private @Nullable String terminal;

    private Spawn(List<String> executables, List<byte[]> arguments) {
        if (executables.isEmpty() || arguments.isEmpty()) {
            throw new IllegalArgumentException("a program needs a file and a name of its own");
        }
        this.executables = List.copyOf(executables);
        this.arguments = List.copyOf(arguments);
    }

    /** The program in the file {@code executable}, whose arguments after its own name are {@code arguments}. */
    public static Spawn of(Path executable, List<String> arguments) {
        List<byte[]> all = new ArrayList<>();
        all.add(executable.toString().getBytes(StandardCharsets.UTF_8));
        arguments.forEach(argument -> all.add(argument.getBytes(StandardCharsets.UTF_8)));
        return new Spawn(List.of(executable.toString()), all);
    }

    /**
     * The first of {@code executables} that can be executed, chosen as {@code execvp(3)} does: a missing file leads to
     * the next one, a forbidden one too unless no other is found.
     *
     * @param executables paths as the child sees them
     * @param arguments all of them, the program's own name first
     */
    public static Spawn firstOf(List<String> executables, List<byte[]> arguments) {
        return new Spawn(executables, arguments);
    }

    /** The whole environment, each member as {@code NAME=value}; empty unless given. */
    public Spawn environment(List<String> variables) {
        environment = variables.stream()
                .map(variable -> variable.getBytes(StandardCharsets.UTF_8))
                .toList();
        return this;
    }

    /**
     * Gives the child the open file of {@code descriptor} as its number {@code childNumber}. It stays open here too.
     *
     * @param childNumber 0 to 1023
     */
    public Spawn descriptor(int childNumber, OwnedFd descriptor) {
        if (childNumber < 0 || childNumber > SpawnCall.MAX_CHILD_DESCRIPTOR) {
            throw new IllegalArgumentException(
                    "descriptor " + childNumber + " of a child is not in 0 to " + SpawnCall.MAX_CHILD_DESCRIPTOR);
        }
        descriptors.put(childNumber, descriptor);
        return this;
    }

    /**
     * Makes the mount at {@code mountPoint} the root of the child, in a mount namespace of its own in which the old root
     * is out of reach, as {@code switch_root(8)} does.
     */
    public Spawn root(Path mountPoint) {
        this.root = mountPoint;
        return this;
    }

    /** The working directory, as the child sees it; the caller's unless given. */
    public Spawn directory(String path) {
        this.directory = path;
        return this;
    }

    /** Whose rights the child has; the caller's unless given. */
    public Spawn credentials(Credentials as) {
        this.credentials = as;
        return this;
    }

    /** Makes the child the leader of a session without a terminal ({@code setsid(2)}), out of reach of Ctrl-C. */
    public Spawn newSession() {
        this.newSession = true;
        return this;
    }

    /**
     * Makes the child the leader of a session that the terminal {@code path}, as the child sees it, controls; its standard
     * streams are that terminal.
     */
    public Spawn terminal(String path) {
        this.newSession = true;
        this.terminal = path;
        return this;
    }

    /**
     * Starts the program.
     *
     * @throws SystemCallException naming the step that failed; {@code posix_spawn} is the execution itself
     */
    public Pidfd start() throws SystemCallException {
        if (root == null && directory == null && credentials == null) {
            try (SpawnCall call = call()) {
                return Pidfd.open(call.run());
            }
        }
        FutureTask<Integer> task = new FutureTask<>(() -> {
            try (SpawnCall call = call()) {
                ThreadContext.change(root, directory, credentials);
                return call.run();
            }
        });
        Thread thread = Thread.ofPlatform().name("spawn").start(task);
        joinUninterruptibly(thread);
        try {
            return Pidfd.open(task.resultNow());
        } catch (IllegalStateException failed) {
            Throwable failure = task.exceptionNow();
            if (failure instanceof SystemCallException expected) {
                throw expected;
            }
            throw new AssertionError("spawning " + executables, failure);
        }
    }

    private SpawnCall call() throws SystemCallException {
        return new SpawnCall(
                new Program(executables, arguments, environment),
                new SpawnCall.Streams(descriptors, terminal),
                newSession);
    }

    /** What is executed. */
    record Program(List<String> executables, List<byte[]> arguments, List<byte[]> environment) {}

    private static void joinUninterruptibly(Thread thread) {
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException again) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
