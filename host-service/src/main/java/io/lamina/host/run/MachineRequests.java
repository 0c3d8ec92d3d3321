package io.lamina.host.run;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.Commit;
import io.lamina.agent.protocol.CopyIn;
import io.lamina.agent.protocol.CopyOut;
import io.lamina.agent.protocol.Exec;
import io.lamina.agent.protocol.Exited;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Input;
import io.lamina.agent.protocol.Output;
import io.lamina.agent.protocol.Refused;
import io.lamina.agent.protocol.Renew;
import io.lamina.agent.protocol.Request;
import io.lamina.agent.protocol.Resize;
import io.lamina.agent.protocol.Signal;
import io.lamina.agent.protocol.Terminal;
import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A machine in the service of another program, which asks on one stream and is told on another, a JSON object a line
 * (docs/ci-harness.md). The end of the first stream is the machine's end.
 */
public final class MachineRequests {
    /** A longer line is refused, in bytes. */
    private static final int MAX_LINE_BYTES = 1 << 20;

    private final InputStream asked;
    private final MachineEvents events;

    /** What is under way for the program, by the id that it chose. */
    private final Map<Integer, Transfer> transfers = new ConcurrentHashMap<>();

    /** Done once the container is there. */
    private final CompletableFuture<Attended> ready = new CompletableFuture<>();

    private volatile boolean endAsked;

    private record Attended(AgentSession session, VirtualMachine machine) {}

    /**
     * @param asked its end is the machine's
     * @param told where events go
     */
    public MachineRequests(InputStream asked, OutputStream told) {
        this.asked = asked;
        this.events = new MachineEvents(told);
    }

    /**
     * Listens from now on. When the program goes away before the container is there, this process ends, and with it all that
     * it has started.
     */
    public void listen() {
        Thread.ofPlatform().daemon().name("requests").start(() -> {
            try {
                byte[] first = line();
                if (first == null && !ready.isDone()) {
                    System.exit(ImageRun.STATUS_LAMINA);
                }
                Attended there = ready.join();
                read(first, there.session, there.machine);
            } catch (IOException failure) {
                System.exit(ImageRun.STATUS_LAMINA);
            }
        });
    }

    /**
     * Talks with a guest that was asked to start a container, until the machine's end.
     *
     * @return an exit status of {@link ImageRun}, or 0
     */
    int attend(AgentSession session, VirtualMachine machine) throws IOException, InterruptedException {
        Optional<GuestMessage> next = session.receive();
        while (next.isPresent() && (next.get().hasProgress() || next.get().hasEvidence())) {
            next = session.receive();
        }
        if (next.isEmpty()) {
            return lost("the machine ended before its container was there", machine);
        }
        if (next.get().hasRefused()) {
            Refused refused = next.get().getRefused();
            tellRefused(0, refused);
            return ImageRun.STATUS_INTEGRITY;
        }
        if (!next.get().hasReady()) {
            throw new IOException("the agent sent " + next.get().getMessageCase() + " instead of READY");
        }
        events.tell("ready", 0, Map.of());
        ready.complete(new Attended(session, machine));
        for (next = session.receive(); next.isPresent(); next = session.receive()) {
            follow(next.get());
        }
        transfers.values().forEach(Transfer::lost);
        return endAsked ? 0 : lost("the machine ended by itself", machine);
    }

    private int lost(String how, VirtualMachine machine) throws IOException {
        events.tell("lost", 0, Map.of("failure", how, "console", machine.consoleTail()));
        return ImageRun.STATUS_LAMINA;
    }

    /** To the end of the program's requests, which is the machine's. */
    private void read(byte @Nullable [] first, AgentSession session, VirtualMachine machine) {
        try {
            for (byte[] line = first; line != null; line = line()) {
                handle(line, session, machine);
            }
        } catch (IOException failure) {
            // The program is gone, or the guest, whose end the other thread tells.
        } finally {
            endAsked = true;
            session.powerOff();
            try {
                machine.awaitPowerOff();
            } catch (IOException gone) {
                // It has ended.
            }
        }
    }

    private byte @Nullable [] line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int b = asked.read(); b != '\n'; b = asked.read()) {
            if (b < 0) {
                return null; // half a line is no request
            }
            if (line.size() == MAX_LINE_BYTES) {
                throw new IOException("a request of more than " + MAX_LINE_BYTES + " bytes");
            }
            line.write(b);
        }
        return line.toByteArray();
    }

    private void handle(byte[] line, AgentSession session, VirtualMachine machine) throws IOException {
        int id = 0;
        try {
            JsonObject request = JsonParser.parse("request", line).object();
            JsonValue number = request.optional("id");
            id = number == null ? 0 : (int) number.integer(1, Integer.MAX_VALUE);
            String kind = request.required("request").string();
            if (kind.equals("console")) {
                events.tell("console", id, Map.of("text", machine.consoleTail()));
                return;
            }
            if (kind.equals("wait")) {
                awaitAll();
                return;
            }
            if (id == 0) {
                throw new CorruptImageException("request", 0, "has no id");
            }
            ask(kind, id, request, session);
        } catch (CorruptImageException | IllegalArgumentException malformed) {
            tellDone(id, String.valueOf(malformed.getMessage()));
        }
    }

    /** So that a script can ask for the machine's end behind its requests by ending. */
    private void awaitAll() {
        synchronized (transfers) {
            try {
                while (!transfers.isEmpty()) {
                    transfers.wait();
                }
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Takes away what has ended; null when nobody has asked for it. */
    private @Nullable Transfer ended(int id) {
        synchronized (transfers) {
            Transfer transfer = transfers.remove(id);
            transfers.notifyAll();
            return transfer;
        }
    }

    private void ask(String kind, int id, JsonObject request, AgentSession session) throws IOException {
        switch (kind) {
            case "exec" -> exec(id, request, session);
            case "input" -> input(id, request, session);
            case "signal" ->
                session.send(HostMessage.newBuilder()
                        .setSignal(Signal.newBuilder().setId(id).setNumber((int)
                                request.required("number").integer(1, 64))));
            case "resize" ->
                session.send(HostMessage.newBuilder()
                        .setResize(Resize.newBuilder().setId(id).setTerminal(terminal(request))));
            case "copy-in" -> {
                Path from = Path.of(request.required("from").string());
                CopyIn.Builder target =
                        CopyIn.newBuilder().setPath(request.required("to").string());
                InputWindow window = new InputWindow(id, session);
                begin(id, Transfer.into(window), Request.newBuilder().setCopyIn(target), session);
                HostCopy.send(from, window);
            }
            case "copy-out" -> {
                Path to = Path.of(request.required("to").string());
                CopyOut.Builder source =
                        CopyOut.newBuilder().setPath(request.required("from").string());
                begin(
                        id,
                        Transfer.outOf(HostCopy.unpackTo(to)),
                        Request.newBuilder().setCopyOut(source),
                        session);
            }
            case "commit" -> {
                OutputStream tar =
                        Files.newOutputStream(Path.of(request.required("to").string()));
                begin(
                        id,
                        Transfer.outOf(HostCopy.into(tar)),
                        Request.newBuilder().setCommit(Commit.getDefaultInstance()),
                        session);
            }
            case "renew" ->
                begin(id, Transfer.NONE, Request.newBuilder().setRenew(Renew.getDefaultInstance()), session);
            default ->
                throw new CorruptImageException("request", 0, "is none that is known: " + JsonValue.printable(kind));
        }
    }

    private void exec(int id, JsonObject request, AgentSession session) throws IOException {
        Exec.Builder exec = Exec.newBuilder()
                .addAllEnvironment(request.strings("environment"))
                .setDirectory(request.string("directory", ""))
                .setUser(request.string("user", ""));
        for (String word : request.strings("command")) {
            exec.addCommand(ByteString.copyFromUtf8(word));
        }
        JsonValue input = request.optional("input");
        exec.setInput(input != null && input.bool());
        JsonValue terminal = request.optional("terminal");
        if (terminal != null) {
            exec.setTerminal(terminal(terminal.object()));
        }
        begin(
                id,
                Transfer.into(new InputWindow(id, session)),
                Request.newBuilder().setExec(exec),
                session);
    }

    private static Terminal terminal(JsonObject size) throws CorruptImageException {
        return AgentSession.terminal(
                new RunOptions.TerminalSize((int) size.required("rows").integer(1, 0xffff), (int)
                        size.required("columns").integer(1, 0xffff)));
    }

    private void input(int id, JsonObject request, AgentSession session) throws IOException {
        byte[] data = Base64.getDecoder().decode(request.string("data", ""));
        Transfer transfer = transfers.get(id);
        if (transfer == null) {
            return; // its process has ended meanwhile
        }
        if (!transfer.mayTake(data.length)) {
            throw new CorruptImageException("request", 0, "more input than the process has room for");
        }
        JsonValue end = request.optional("end");
        session.send(HostMessage.newBuilder()
                .setInput(Input.newBuilder()
                        .setId(id)
                        .setData(ByteString.copyFrom(data))
                        .setEnd(end != null && end.bool())));
    }

    private void begin(int id, Transfer transfer, Request.Builder request, AgentSession session) throws IOException {
        if (transfers.putIfAbsent(id, transfer) != null) {
            throw new CorruptImageException("request", 0, "has the id of one that is under way");
        }
        session.send(HostMessage.newBuilder().setRequest(request.setId(id)));
    }

    /** What a guest says, which is taken as hostile: of an id that nobody asked for, nothing is passed on. */
    private void follow(GuestMessage message) throws IOException {
        switch (message.getMessageCase()) {
            case STARTED -> {
                int id = message.getStarted().getId();
                if (transfers.containsKey(id)) {
                    events.tell("started", id, Map.of());
                }
            }
            case OUTPUT -> output(message.getOutput());
            case TAKEN -> {
                int id = message.getTaken().getId();
                Transfer transfer = transfers.get(id);
                if (transfer != null) {
                    transfer.taken(message.getTaken().getBytes());
                    events.tell(
                            "taken",
                            id,
                            Map.of(
                                    "bytes",
                                    Integer.toUnsignedLong(message.getTaken().getBytes())));
                }
            }
            case EXITED -> exited(message.getExited());
            case ANSWER -> {
                int id = message.getAnswer().getId();
                Transfer transfer = ended(id);
                if (transfer != null) {
                    String failure = AgentSession.printable(message.getAnswer().getFailure());
                    String ours = transfer.end();
                    tellDone(id, ours.isEmpty() ? failure : ours);
                }
            }
            case REFUSED -> {
                int id = message.getRefused().getId();
                Transfer transfer = ended(id);
                if (transfer != null) {
                    transfer.lost();
                }
                tellRefused(id, message.getRefused());
            }
            case PROGRESS, EVIDENCE -> {}
            case HELLO, HANDED_OVER, READY, MESSAGE_NOT_SET ->
                throw new IOException("the agent sent " + message.getMessageCase() + " while its container runs");
        }
    }

    private void output(Output output) throws IOException {
        Transfer transfer = transfers.get(output.getId());
        if (transfer == null) {
            return;
        }
        String stream = switch (output.getStream()) {
            case STREAM_STDOUT -> "stdout";
            case STREAM_STDERR -> "stderr";
            case STREAM_TAR -> {
                transfer.tar(output.getData());
                yield "";
            }
            case STREAM_UNSPECIFIED, UNRECOGNIZED -> throw new IOException("agent output of no stream");
        };
        if (!stream.isEmpty()) {
            String data = Base64.getEncoder().encodeToString(output.getData().toByteArray());
            events.tell("output", output.getId(), Map.of("stream", stream, "data", data));
        }
    }

    private void exited(Exited exited) throws IOException {
        Transfer transfer = ended(exited.getId());
        if (transfer == null) {
            return;
        }
        String _ = transfer.end();
        List<Object> corrupted = new ArrayList<>(exited.getCorruptedBlocksList());
        events.tell(
                "exited",
                exited.getId(),
                Map.of(
                        "status",
                        (long) (exited.getStatus() & 0xff),
                        "failure",
                        AgentSession.printable(exited.getFailure()),
                        "corruptedBlocks",
                        corrupted));
    }

    private void tellDone(int id, String failure) throws IOException {
        events.tell("done", id, Map.of("failure", failure));
    }

    private void tellRefused(int id, Refused refused) throws IOException {
        events.tell(
                "refused",
                id,
                Map.of(
                        "check", AgentSession.printable(refused.getCheck()),
                        "expected", AgentSession.printable(refused.getExpected()),
                        "found", AgentSession.printable(refused.getFound())));
    }
}
