package io.lamina.guest;

import io.lamina.agent.protocol.Answer;
import io.lamina.agent.protocol.Exec;
import io.lamina.agent.protocol.Exited;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Refused;
import io.lamina.agent.protocol.Request;
import io.lamina.agent.protocol.Start;
import io.lamina.agent.protocol.Started;
import io.lamina.guest.ContainerProcess.Streams;
import io.lamina.images.layer.UpperTar;
import io.lamina.images.oci.ImageConfig.Execution;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.linux.Errno;
import io.lamina.linux.Pidfd;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A container that runs, and what its host asks of it. The thread that receives the host's messages never waits for what a
 * process or request does: those have threads of their own.
 */
final class Workload {
    /** As a shell says "found, but cannot be executed" and "not found". */
    private static final int STATUS_CANNOT_RUN = 126;

    private static final int STATUS_NOT_FOUND = 127;
    private static final int MAX_UNDER_WAY = 64;
    private static final int MAX_SIGNAL = 64;
    private static final int MAIN = 0;
    private static final int KILL_PATIENCE = 500;
    private static final long KILL_POLL_MILLIS = 10;

    private final MessageChannel<HostMessage, GuestMessage> channel;
    private final GuestPolicy policy;
    private final Execution execution;
    private final ContainerRoot root;
    private final Corruption corruption;

    // All guarded by this.
    private final Map<Integer, ContainerProcess> processes = new HashMap<>();
    private final Map<Integer, Optional<HostInput>> requests = new HashMap<>();

    /** Processes that have ended, and whose ends are on their way to the host: their ids are free. */
    private int ends;

    /** Adds to the end of a process what dm-verity has found meanwhile. */
    interface Corruption {
        void addTo(Exited.Builder exited) throws IOException;
    }

    /** What is allowed, and what the image says of its processes. */
    record Terms(GuestPolicy policy, Execution execution) {}

    Workload(
            MessageChannel<HostMessage, GuestMessage> channel, Terms terms, ContainerRoot root, Corruption corruption) {
        this.channel = channel;
        this.policy = terms.policy;
        this.execution = terms.execution;
        this.root = root;
        this.corruption = corruption;
    }

    /**
     * Starts the image's command, or what the host names instead; one that cannot be started has ended then.
     *
     * @throws RefusedException as {@code beforeFailure} throws
     */
    void startMain(Start start, FailureCheck beforeFailure) throws IOException, RefusedException {
        Execution changed = Command.changed(execution, start.getEnvironmentList(), "", "");
        Optional<Command> command = Command.of(changed, start.getCommandList());
        if (command.isEmpty()) {
            cannotRun(MAIN, STATUS_NOT_FOUND, "the image has neither Entrypoint nor Cmd, and the host names none");
            return;
        }
        Streams streams = new Streams(
                MAIN, start.getInput(), start.hasTerminal() ? Optional.of(start.getTerminal()) : Optional.empty());
        start(command.get(), streams, beforeFailure);
    }

    /** Looks whether a failure has a reason that is worse. */
    interface FailureCheck {
        void check(IOException failure) throws IOException, RefusedException;
    }

    private void start(Command command, Streams streams, FailureCheck beforeFailure)
            throws IOException, RefusedException {
        try {
            ContainerProcess process = ContainerProcess.start(command.in(root.path()), root.path(), streams, channel);
            synchronized (this) {
                processes.put(streams.id(), process);
            }
            send(GuestMessage.newBuilder().setStarted(Started.newBuilder().setId(streams.id())));
            Thread.ofPlatform().daemon().name("process").start(() -> awaitEnd(streams.id(), process));
        } catch (SystemCallException failure) {
            beforeFailure.check(failure);
            boolean notFound = failure.call().equals("posix_spawn")
                    && (failure.errno() == Errno.ENOENT || failure.errno() == Errno.ENOTDIR);
            cannotRun(streams.id(), notFound ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN, failure.getMessage());
        } catch (CommandException failure) {
            beforeFailure.check(new IOException(failure.getMessage(), failure));
            cannotRun(streams.id(), STATUS_CANNOT_RUN, failure.getMessage());
        }
    }

    private void awaitEnd(int id, ContainerProcess process) {
        try {
            Exited.Builder exited = Exited.newBuilder().setId(id).setStatus(process.waitFor());
            corruption.addTo(exited);
            synchronized (this) {
                processes.remove(id);
                ends++;
            }
            send(GuestMessage.newBuilder().setExited(exited));
        } catch (IOException | InterruptedException failure) {
            // Without a host nobody waits for the end of a process; whatever else is wrong is for the console.
            System.err.println("lamina agent: process " + id + ": " + failure);
        } finally {
            process.close();
            synchronized (this) {
                // The id may be another process's by now.
                if (!processes.remove(id, process)) {
                    ends--;
                }
                notifyAll();
            }
        }
    }

    /** Until no process is there, and the host has been told so. */
    private synchronized void awaitEnds() throws InterruptedException {
        while (!processes.isEmpty() || ends > 0) {
            wait();
        }
    }

    private void cannotRun(int id, int status, @Nullable String failure) throws IOException {
        Exited.Builder exited = Exited.newBuilder().setId(id).setStatus(status).setFailure(String.valueOf(failure));
        corruption.addTo(exited);
        send(GuestMessage.newBuilder().setExited(exited));
    }

    /**
     * Does what the host asks until it asks for the end of the machine. When it goes away instead, the processes go on to
     * their end.
     */
    void serve() throws IOException, InterruptedException {
        for (Optional<HostMessage> next = channel.receive(); next.isPresent(); next = channel.receive()) {
            if (next.get().hasPowerOff()) {
                return;
            }
            try {
                Requests.check(next.get(), policy);
                handle(next.get());
            } catch (RefusedException refused) {
                send(GuestMessage.newBuilder()
                        .setRefused(Refused.newBuilder()
                                .setId(next.get().getRequest().getId())
                                .setCheck(refused.check())
                                .setExpected(refused.expected())
                                .setFound(refused.found())));
            }
        }
        hostIsGone();
    }

    private synchronized void hostIsGone() throws InterruptedException {
        processes.values().forEach(process -> process.input().ifPresent(HostInput::end));
        requests.values().forEach(input -> input.ifPresent(HostInput::end));
        awaitEnds();
    }

    private void handle(HostMessage message) throws IOException, InterruptedException, RefusedException {
        switch (message.getMessageCase()) {
            case REQUEST -> begin(message.getRequest());
            case INPUT -> {
                Optional<HostInput> input = input(message.getInput().getId());
                if (input.isPresent()) {
                    input.get().put(message.getInput());
                }
            }
            case SIGNAL, RESIZE -> change(message);
            case HELLO, START, POWER_OFF, MESSAGE_NOT_SET ->
                throw new IOException("the host sent " + message.getMessageCase() + " while the container runs");
        }
    }

    private void change(HostMessage message) {
        try {
            if (message.hasSignal()) {
                int number = message.getSignal().getNumber();
                Optional<ContainerProcess> process = process(message.getSignal().getId());
                if (process.isPresent() && number >= 1 && number <= MAX_SIGNAL) {
                    process.get().signal(number);
                }
                return;
            }
            Optional<ContainerProcess> process = process(message.getResize().getId());
            if (process.isPresent()) {
                process.get().resize(message.getResize().getTerminal());
            }
        } catch (SystemCallException ended) {
            // The process has ended meanwhile, and its terminal with it.
        }
    }

    private synchronized Optional<ContainerProcess> process(int id) {
        return Optional.ofNullable(processes.get(id));
    }

    /** Where input of this id goes; what nobody reads any more crosses its end on the way, and is dropped. */
    private synchronized Optional<HostInput> input(int id) {
        ContainerProcess process = processes.get(id);
        return process != null ? process.input() : requests.getOrDefault(id, Optional.empty());
    }

    private void begin(Request request) throws IOException, InterruptedException, RefusedException {
        int id = request.getId();
        checkId(id);
        switch (request.getKindCase()) {
            case EXEC -> exec(id, request.getExec());
            case COPY_IN -> {
                HostInput tar = new HostInput(id, channel);
                work(id, Optional.of(tar), () -> {
                    try {
                        ContainerFiles.copyIn(root.path(), request.getCopyIn().getPath(), tar);
                    } finally {
                        // What follows a failure is read as well, so that the host need not stop in the middle.
                        tar.transferTo(OutputStream.nullOutputStream());
                    }
                });
            }
            case COPY_OUT ->
                work(id, Optional.empty(), () -> {
                    try (OutputStream tar = RequestOutput.of(id, channel)) {
                        ContainerFiles.copyOut(root.path(), request.getCopyOut().getPath(), tar);
                    }
                });
            case COMMIT -> {
                Path upper = root.upper()
                        .orElseThrow(() -> new RefusedException("commit", "a writable layer", "a read-only root"));
                work(id, Optional.empty(), () -> {
                    try (OutputStream tar = RequestOutput.of(id, channel)) {
                        UpperTar.write(upper.toString().getBytes(StandardCharsets.UTF_8), tar);
                    }
                });
            }
            case RENEW -> renew(id);
            case KIND_NOT_SET -> throw new AssertionError("checked before");
        }
    }

    private synchronized void checkId(int id) throws RefusedException {
        if (id == MAIN || processes.containsKey(id) || requests.containsKey(id)) {
            throw new RefusedException("request", "an id that nothing under way has", Integer.toUnsignedString(id));
        }
        if (processes.size() + requests.size() >= MAX_UNDER_WAY) {
            throw new RefusedException(
                    "request", "at most " + MAX_UNDER_WAY + " processes and requests at once", "one more");
        }
    }

    private void exec(int id, Exec exec) throws IOException, RefusedException {
        Execution changed = Command.changed(execution, exec.getEnvironmentList(), exec.getDirectory(), exec.getUser());
        Command command = Command.of(changed, exec.getCommandList()).orElseThrow();
        Streams streams = new Streams(
                id, exec.getInput(), exec.hasTerminal() ? Optional.of(exec.getTerminal()) : Optional.empty());
        start(command, streams, failure -> {});
    }

    /** Something that is done on a thread of its own. */
    private interface Work {
        void run() throws IOException;
    }

    private void work(int id, Optional<HostInput> input, Work work) {
        synchronized (this) {
            requests.put(id, input);
        }
        Thread.ofPlatform().daemon().name("request").start(() -> {
            String failure = "";
            try {
                work.run();
            } catch (IOException | RuntimeException failed) {
                failure = String.valueOf(failed.getMessage());
            }
            synchronized (this) {
                requests.remove(id);
            }
            try {
                answer(id, failure);
            } catch (IOException hostIsGone) {
                // The thread that receives finds out by itself.
            }
        });
    }

    /** On the thread that receives: nothing else may begin meanwhile. */
    private void renew(int id) throws IOException, InterruptedException, RefusedException {
        synchronized (this) {
            if (!requests.isEmpty()) {
                throw new RefusedException("renew", "no copy and no commit under way", requests.size() + " of them");
            }
        }
        int patience = KILL_PATIENCE;
        for (var left = ContainerRoot.processes(); !left.isEmpty(); left = ContainerRoot.processes()) {
            left.forEach(Workload::kill);
            if (--patience == 0) {
                answer(id, "processes of the container do not end: " + left);
                return;
            }
            Thread.sleep(KILL_POLL_MILLIS);
        }
        awaitEnds();
        root.renew();
        answer(id, "");
    }

    private static void kill(int pid) {
        try (Pidfd process = Pidfd.open(pid)) {
            process.signal(Pidfd.SIGKILL);
        } catch (SystemCallException gone) {
            // It has ended meanwhile.
        }
    }

    private void answer(int id, String failure) throws IOException {
        send(GuestMessage.newBuilder().setAnswer(Answer.newBuilder().setId(id).setFailure(failure)));
    }

    private void send(GuestMessage.Builder message) throws IOException {
        channel.send(message.build());
    }
}
