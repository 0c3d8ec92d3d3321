package io.lamina.host.registry;

import io.lamina.host.registry.Exchange.Request;
import io.lamina.host.registry.TransferListener.State;
import io.lamina.images.json.JsonValue;
import io.lamina.images.oci.Descriptor;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * Puts one blob into a repository (distribution-spec v1.1.1, "Pushing blobs"): it is not sent if it is there, mounted if
 * another repository of the registry has it, sent in one request if it is small and in chunks otherwise. After a failure
 * the registry is asked how much of it has come.
 */
final class BlobUpload {
    private static final long CHUNK_BYTES = 32L << 20;
    private static final int MAX_FAILURES = 5;

    private final Repository repository;
    private final Descriptor blob;
    private final Path file;
    private final TransferListener listener;

    BlobUpload(Repository repository, Descriptor blob, Path file, TransferListener listener) {
        this.repository = repository;
        this.blob = blob;
        this.file = file;
        this.listener = listener;
    }

    /** @param mountFrom path of a repository of the same registry that may have it */
    void run(Optional<String> mountFrom) throws IOException {
        if (repository.hasBlob(blob.digest())) {
            listener.tell(blob, State.THERE, blob.sizeBytes());
            return;
        }
        Optional<Session> session = begin(mountFrom);
        if (session.isEmpty()) {
            listener.tell(blob, State.MOUNTED, blob.sizeBytes());
            return;
        }
        send(session.get());
        listener.tell(blob, State.DONE, blob.sizeBytes());
    }

    /** An upload under way: where it goes on, and the least chunk that the registry takes. */
    private record Session(URI location, long chunkBytes) {}

    private Optional<Session> begin(Optional<String> mountFrom) throws IOException {
        String query = mountFrom
                .map(from -> "?mount=" + blob.digest() + "&from=" + from)
                .orElse("");
        String scope = repository.pushScope()
                + mountFrom.map(from -> " repository:" + from + ":pull").orElse("");
        try (Answer answer = repository.send(scope, repository.request("POST", "/blobs/uploads/" + query))) {
            if (answer.status() == 201) {
                return Optional.empty();
            }
            repository.expect(answer, what(), 202);
            String least = answer.header("OCI-Chunk-Min-Length");
            long chunk = least.matches("[0-9]{1,12}") ? Math.max(CHUNK_BYTES, Long.parseLong(least)) : CHUNK_BYTES;
            return Optional.of(new Session(location(answer), chunk));
        }
    }

    private URI location(Answer answer) throws RegistryException {
        String location = answer.header("Location");
        if (location.isEmpty()) {
            throw new RegistryException(answer.status(), what() + ": the registry does not say where to send it");
        }
        return Exchange.resolve(answer.uri(), location);
    }

    private String what() {
        return "blob " + blob.digest() + " to " + repository;
    }

    private void send(Session session) throws IOException {
        long done = 0;
        URI location = session.location;
        int failures = 0;
        while (blob.sizeBytes() - done > session.chunkBytes) {
            long end = done + session.chunkBytes;
            try (Answer answer = repository.send(
                    repository.pushScope(),
                    Request.of("PATCH", location)
                            .with("Content-Range", done + "-" + (end - 1))
                            .withBody("application/octet-stream", body(done, session.chunkBytes)))) {
                if (answer.status() != 416) {
                    repository.expect(answer, what(), 202);
                    location = location(answer);
                    done = end;
                    listener.tell(blob, State.MOVING, done);
                    continue;
                }
            } catch (IOException failure) {
                if (++failures == MAX_FAILURES || isRefusal(failure)) {
                    throw failure;
                }
            }
            Progress progress = ask(location);
            location = progress.location;
            done = progress.doneBytes;
        }
        finish(location, done);
    }

    private static boolean isRefusal(IOException failure) {
        return failure instanceof RegistryException told && told.status() >= 400 && told.status() < 500;
    }

    private record Progress(URI location, long doneBytes) {}

    /** How much of an upload has come. */
    private Progress ask(URI location) throws IOException {
        try (Answer answer = repository.send(repository.pushScope(), Request.of("GET", location))) {
            repository.expect(answer, what(), 204);
            String range = answer.header("Range").replaceFirst("^bytes=", "");
            long done = range.matches("0-[0-9]{1,18}") ? Long.parseLong(range.substring(2)) + 1 : 0;
            if (done > blob.sizeBytes()) {
                throw new RegistryException(
                        answer.status(),
                        what() + ": the registry has " + JsonValue.printable(range)
                                + " of it, which is more than there is");
            }
            return new Progress(answer.header("Location").isEmpty() ? location : location(answer), done);
        }
    }

    private void finish(URI location, long done) throws IOException {
        long left = blob.sizeBytes() - done;
        String query = (location.getRawQuery() == null ? "" : location.getRawQuery() + "&") + "digest="
                + blob.digest().toString().replace(":", "%3A");
        URI whole = URI.create(location.toString().replaceFirst("[?#].*$", "") + "?" + query);
        Request request = Request.of("PUT", whole).withBody("application/octet-stream", body(done, left));
        try (Answer answer = repository.send(
                repository.pushScope(),
                done == 0 ? request : request.with("Content-Range", done + "-" + (blob.sizeBytes() - 1)))) {
            repository.expect(answer, what(), 201);
        }
    }

    private java.util.function.Supplier<BodyPublisher> body(long startByte, long lengthBytes) {
        if (lengthBytes == 0) {
            return BodyPublishers::noBody;
        }
        return () -> BodyPublishers.fromPublisher(
                BodyPublishers.ofInputStream(() -> open(startByte, lengthBytes)), lengthBytes);
    }

    private InputStream open(long startByte, long lengthBytes) {
        try {
            FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
            return new Part(Channels.newInputStream(channel.position(startByte)), startByte, lengthBytes);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /** So many bytes of the file, and telling how far they are read. */
    private final class Part extends InputStream {
        private final InputStream in;
        private final long startByte;
        private final long lengthBytes;
        private long done;

        Part(InputStream in, long startByte, long lengthBytes) {
            this.in = in;
            this.startByte = startByte;
            this.lengthBytes = lengthBytes;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            if (done == lengthBytes) {
                return -1;
            }
            int count = in.read(target, offset, (int) Math.min(length, lengthBytes - done));
            if (count < 0) {
                throw new IOException(file + " has become shorter");
            }
            done += count;
            listener.tell(blob, State.MOVING, startByte + done);
            return count;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }
}
