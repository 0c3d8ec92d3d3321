package io.lamina.host.attach;

import io.lamina.host.store.AttachmentStore;
import io.lamina.host.store.AttachmentStore.Attachment;
import io.lamina.host.store.Owner;
import io.lamina.host.store.RefusedException;
import io.lamina.linux.ProcessWatch;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The processes that use snapshots. An attachment ends when its owner says so, or when its owner ends: a thread watches
 * each owner's pidfd. Those that a daemon before this one has noted are taken up again. Any thread may call.
 */
public final class Owners implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Owners.class);

    private final AttachmentStore attachments;
    private final Ending ending;
    private final Map<Long, ProcessWatch> watches = new ConcurrentHashMap<>();

    /** @param ending is told of each attachment that ends, before it is forgotten */
    public Owners(AttachmentStore attachments, Ending ending) {
        this.attachments = attachments;
        this.ending = ending;
    }

    /** What is to be undone when an attachment ends. */
    @FunctionalInterface
    public interface Ending {
        void ended(long attachment) throws IOException;
    }

    /** Takes up what was noted before; what belongs to a process that has ended, or to another boot, goes. */
    public void recover() throws IOException {
        for (Attachment attachment : attachments.all()) {
            if (attachment.owner().isAlive()) {
                watch(attachment);
            } else {
                end(attachment, "its owner ended while no daemon ran");
            }
        }
    }

    /**
     * Notes that the process {@code pid} uses a snapshot.
     *
     * @param served whether its devices are to be served
     */
    public Attachment attach(String key, long pid, String sandbox, boolean served) throws IOException {
        Owner owner = Owner.of(pid)
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Reason.INVALID_ARGUMENT,
                        "there is no process " + pid + " to own an attachment"));
        Attachment attachment = attachments.add(key, owner, sandbox, served);
        watch(attachment);
        return attachment;
    }

    /** Ends an attachment. */
    public void detach(long id) throws IOException {
        ProcessWatch watch = watches.remove(id);
        if (watch != null) {
            watch.close();
        }
        ending.ended(id);
        boolean _ = attachments.remove(id);
    }

    /** Ends those of dead owners now, without waiting for the kernel's word; before a snapshot is removed. */
    public void endDead() throws IOException {
        for (Attachment attachment : attachments.all()) {
            if (!attachment.owner().isAlive()) {
                end(attachment, "its owner has ended");
            }
        }
    }

    private void watch(Attachment attachment) throws IOException {
        Optional<ProcessWatch> watch;
        try {
            watch = Optional.of(ProcessWatch.of(attachment.owner().pid(), () -> ended(attachment)));
        } catch (SystemCallException gone) {
            watch = Optional.empty();
        }
        if (watch.isPresent()) {
            watches.put(attachment.id(), watch.get());
        }
        // The number may have been another process's by the time that it was opened.
        if (watch.isEmpty() || !attachment.owner().isAlive()) {
            ended(attachment);
        }
    }

    private void ended(Attachment attachment) {
        try {
            end(attachment, "its owner has ended");
        } catch (IOException failure) {
            LOG.atError().setCause(failure).log("an attachment could not be ended; the next start ends it");
        }
    }

    private void end(Attachment attachment, String why) throws IOException {
        ProcessWatch watch = watches.remove(attachment.id());
        if (watch != null) {
            watch.close();
        }
        ending.ended(attachment.id());
        if (attachments.remove(attachment.id())) {
            LOG.atInfo()
                    .addKeyValue("snapshot", attachment.snapshot())
                    .addKeyValue("pid", attachment.owner().pid())
                    .addKeyValue("sandbox", attachment.sandbox())
                    .log("attachment ended: {}", why);
        }
    }

    @Override
    public void close() {
        watches.values().forEach(ProcessWatch::close);
    }
}
