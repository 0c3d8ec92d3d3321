package io.lamina.host.registry;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.Ingest;
import io.lamina.host.registry.TransferListener.State;
import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonValue;
import io.lamina.images.oci.Descriptor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Brings one blob into a content store. What breaks off is continued where it broke off ({@code Range}), now or at the next
 * pull; what is not the right blob leaves nothing behind.
 */
final class BlobDownload {
    private static final int PIECE_BYTES = 256 << 10;
    private static final int MAX_FRUITLESS = 3;
    private static final int MAX_BROKEN = 100;

    private final Descriptor blob;
    private final Ingest ingest;
    private final TransferListener listener;

    private BlobDownload(Descriptor blob, Ingest ingest, TransferListener listener) {
        this.blob = blob;
        this.ingest = ingest;
        this.listener = listener;
    }

    /** @param sources asked in their order until one has the blob */
    static void run(ContentStore store, List<Repository> sources, Descriptor blob, TransferListener listener)
            throws IOException {
        try (Ingest ingest = Ingest.begin(store, blob.digest())) {
            if (ingest.isThere()) {
                if (Files.size(store.path(blob.digest())) != blob.sizeBytes()) {
                    throw new CorruptImageException(
                            "blob " + blob.digest(), "has another size than its descriptor's " + blob.sizeBytes());
                }
                listener.tell(blob, State.THERE, blob.sizeBytes());
                return;
            }
            new BlobDownload(blob, ingest, listener).from(store, sources);
        }
        listener.tell(blob, State.DONE, blob.sizeBytes());
    }

    private void from(ContentStore store, List<Repository> sources) throws IOException {
        for (int i = 0; ; i++) {
            try {
                from(sources.get(i));
                ingest.commit();
                return;
            } catch (CorruptImageException wrong) {
                ingest.discard();
                if (i + 1 == sources.size()) {
                    throw new CorruptImageException(
                            sources.get(i).toString(), String.valueOf(wrong.getMessage()), wrong);
                }
                ingest.restart();
            } catch (RegistryException failure) {
                if (i + 1 == sources.size()) {
                    if (ingest.sizeBytes() == 0) {
                        ingest.discard();
                    }
                    throw failure;
                }
            } catch (IOException failure) {
                throw diskFull(store, failure);
            }
        }
    }

    private IOException diskFull(ContentStore store, IOException failure) throws IOException {
        String said = String.valueOf(failure.getMessage()).toLowerCase(Locale.ROOT);
        if (!said.contains("no space left") && !said.contains("quota exceeded")) {
            return failure;
        }
        ingest.discard();
        return new IOException(
                store.root() + ": no space left on the device for " + blob.digest() + ", which has " + blob.sizeBytes()
                        + " bytes; nothing of it was kept. Free some space ('lamina rmi', 'lamina store gc') and pull again",
                failure);
    }

    private void from(Repository source) throws IOException {
        if (ingest.sizeBytes() > blob.sizeBytes()) {
            ingest.restart();
        }
        int fruitless = 0;
        boolean asked = false;
        for (int broken = 0; !asked || ingest.sizeBytes() < blob.sizeBytes(); broken++) {
            if (ingest.sizeBytes() == blob.sizeBytes() && blob.sizeBytes() > 0) {
                return; // all of it had come before
            }
            asked = true;
            long before = ingest.sizeBytes();
            IOException failure;
            try (Answer answer = source.blob(blob.digest(), before)) {
                accept(source, answer, before);
                failure = copy(answer.body());
            }
            if (failure == null && ingest.sizeBytes() == blob.sizeBytes()) {
                return;
            }
            fruitless = ingest.sizeBytes() > before ? 0 : fruitless + 1;
            if (fruitless < MAX_FRUITLESS && broken < MAX_BROKEN) {
                continue;
            }
            String where = "blob " + blob.digest() + " ends after " + ingest.sizeBytes() + " of " + blob.sizeBytes()
                    + " bytes";
            if (failure == null) {
                throw new CorruptImageException(source.toString(), where + ", each time");
            }
            throw new RegistryException(
                    source + ": " + where + ": " + failure.getMessage() + "; pull again to continue there", failure);
        }
    }

    /** Refuses what the head tells to be wrong already; begins again where the server does. */
    private void accept(Repository source, Answer answer, long before) throws IOException {
        String what = "blob " + blob.digest() + " of " + source;
        long left = blob.sizeBytes() - before;
        switch (answer.status()) {
            case 200 -> {
                if (before > 0) {
                    ingest.restart();
                }
                left = blob.sizeBytes();
            }
            case 206 -> {
                if (!answer.header("Content-Range").startsWith("bytes " + before + "-")) {
                    throw new CorruptImageException(
                            what,
                            "was asked for from byte " + before + " on, and sends "
                                    + JsonValue.printable(answer.header("Content-Range")));
                }
            }
            case 416 -> {
                ingest.restart();
                throw new CorruptImageException(
                        what, "has no byte " + before + ", its descriptor says " + blob.sizeBytes());
            }
            default -> source.expect(answer, what, 200);
        }
        long promised = answer.lengthBytes();
        if (promised >= 0 && promised != left) {
            throw new CorruptImageException(what, "has " + promised + " bytes left, its descriptor says " + left);
        }
    }

    /** Copies until the body ends or breaks off, and gives what broke it; failures of the disk are thrown. */
    private @Nullable IOException copy(InputStream body) throws IOException {
        byte[] piece = new byte[PIECE_BYTES];
        while (true) {
            int count;
            try {
                count = body.read(piece);
            } catch (IOException brokeOff) {
                if (Thread.currentThread().isInterrupted()) {
                    throw brokeOff;
                }
                return brokeOff;
            }
            if (count < 0) {
                return null;
            }
            if (count > blob.sizeBytes() - ingest.sizeBytes()) {
                throw new CorruptImageException(
                        "blob " + blob.digest(), "has more than the " + blob.sizeBytes() + " bytes of its descriptor");
            }
            ingest.write(ByteBuffer.wrap(piece, 0, count));
            listener.tell(blob, State.MOVING, ingest.sizeBytes());
        }
    }
}
