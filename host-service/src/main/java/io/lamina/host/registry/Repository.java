package io.lamina.host.registry;

import io.lamina.host.registry.Exchange.Request;
import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.MediaType;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One repository of a registry: the calls of the OCI distribution-spec v1.1.1 on it. Any thread may call.
 *
 * <p>What is asked for by its digest is checked against it here if it is small, and by whoever reads the stream otherwise.
 */
public final class Repository {
    /** Largest manifest or index: as much as registries take. */
    public static final int MAX_MANIFEST_BYTES = JsonParser.MAX_TEXT_BYTES;

    private static final String ACCEPT = String.join(
            ", ", MediaType.OCI_INDEX, MediaType.OCI_MANIFEST, MediaType.DOCKER_LIST, MediaType.DOCKER_MANIFEST);
    private static final int MAX_PAGES = 100;

    private final RegistryClient client;
    private final String host;
    private final String path;

    Repository(RegistryClient client, String host, String path) {
        this.client = client;
        this.host = host;
        this.path = path;
    }

    /** The registry, as users name it. */
    public String host() {
        return host;
    }

    /** Path within the registry. */
    public String path() {
        return path;
    }

    /** What token servers call reading it. */
    String pullScope() {
        return "repository:" + path + ":pull";
    }

    /** What token servers call writing it. */
    String pushScope() {
        return "repository:" + path + ":pull,push";
    }

    Answer send(String scope, Request request) throws IOException {
        return client.send(host, scope, request);
    }

    Request request(String method, String rest) {
        return Request.of(method, client.uri(host, "/v2/" + path + rest));
    }

    /**
     * A manifest or index.
     *
     * @param reference a tag, or a digest; the bytes have that digest then
     * @return empty if there is none
     */
    public Optional<FetchedManifest> manifest(String reference) throws IOException {
        String what = "manifest " + reference + " of " + this;
        try (Answer answer =
                send(pullScope(), request("GET", "/manifests/" + reference).with("Accept", ACCEPT))) {
            if (answer.status() == 404) {
                return Optional.empty();
            }
            expect(answer, what, 200);
            byte[] bytes = answer.bytes(what, MAX_MANIFEST_BYTES);
            Digest found = Digest.ofContent(bytes);
            String promised = answer.header("Docker-Content-Digest");
            boolean byDigest = reference.startsWith("sha256:");
            if (byDigest
                    ? !found.toString().equals(reference)
                    : promised.startsWith("sha256:") && !found.toString().equals(promised)) {
                throw new CorruptImageException(
                        what,
                        "has the digest " + found + ", not " + JsonValue.printable(byDigest ? reference : promised));
            }
            return Optional.of(new FetchedManifest(found, mediaType(what, answer, bytes), bytes));
        }
    }

    /** What the document says it is counts; older ones leave it to the head. */
    private static String mediaType(String what, Answer answer, byte[] bytes) throws IOException {
        JsonValue inside = JsonParser.parse(what, bytes).object().optional("mediaType");
        String type = inside != null
                ? inside.string()
                : answer.header("Content-Type").replaceFirst(";.*$", "").strip();
        if (!MediaType.isManifest(type) && !MediaType.isIndex(type)) {
            throw new UnsupportedImageException(
                    what,
                    "its media type is " + JsonValue.printable(type) + ", no image manifest or index of version 2");
        }
        return type;
    }

    /**
     * A small blob, whole and right.
     *
     * @param mostBytes a larger one is refused
     */
    public byte[] smallBlob(Digest digest, int mostBytes) throws IOException {
        String what = "blob " + digest + " of " + this;
        try (Answer answer = blob(digest, 0)) {
            expect(answer, what, 200);
            byte[] bytes = answer.bytes(what, mostBytes);
            Digest found = Digest.ofContent(bytes);
            if (!found.equals(digest)) {
                throw new CorruptImageException(what, "has the digest " + found);
            }
            return bytes;
        }
    }

    /** The answer to a request for a blob from {@code startByte} on: 200 for all of it, 206 for the rest, or an error. */
    Answer blob(Digest digest, long startByte) throws IOException {
        Request request = request("GET", "/blobs/" + digest);
        return send(pullScope(), startByte == 0 ? request : request.with("Range", "bytes=" + startByte + "-"));
    }

    /**
     * Puts a blob, unless it is there.
     *
     * @param file has its bytes
     * @param mountFrom path of a repository of the same registry that may have it
     */
    public void putBlob(Descriptor blob, Path file, Optional<String> mountFrom, TransferListener listener)
            throws IOException {
        new BlobUpload(this, blob, file, listener).run(mountFrom);
    }

    /** Whether the blob is there. */
    boolean hasBlob(Digest digest) throws IOException {
        try (Answer answer = send(pushScope(), request("HEAD", "/blobs/" + digest))) {
            return answer.status() == 200;
        }
    }

    /** Whether the manifest is there, under this tag or digest. */
    boolean hasManifest(Digest digest) throws IOException {
        try (Answer answer =
                send(pushScope(), request("HEAD", "/manifests/" + digest).with("Accept", ACCEPT))) {
            return answer.status() == 200;
        }
    }

    /**
     * Puts a manifest.
     *
     * @param reference a tag, or the digest of the bytes
     * @return whether the registry has taken note of its {@code subject} by itself ({@code OCI-Subject})
     */
    boolean putManifest(String reference, String mediaType, byte[] bytes) throws IOException {
        String what = "manifest " + reference + " of " + this;
        Request request =
                request("PUT", "/manifests/" + reference).withBody(mediaType, () -> BodyPublishers.ofByteArray(bytes));
        try (Answer answer = send(pushScope(), request)) {
            expect(answer, what, 201);
            String found = answer.header("Docker-Content-Digest");
            String right = Digest.ofContent(bytes).toString();
            if (!found.isEmpty() && !found.equals(right)) {
                throw new CorruptImageException(
                        what, "was stored as " + JsonValue.printable(found) + ", its digest is " + right);
            }
            return !answer.header("OCI-Subject").isEmpty();
        }
    }

    /** All tags, in the registry's order. */
    public List<String> tags() throws IOException {
        List<String> tags = new ArrayList<>();
        Request request = request("GET", "/tags/list");
        for (int page = 0; page < MAX_PAGES; page++) {
            try (Answer answer = send(pullScope(), request)) {
                expect(answer, "tags of " + this, 200);
                tags.addAll(JsonParser.parse("tags of " + this, answer.bytes("tags of " + this, MAX_MANIFEST_BYTES))
                        .object()
                        .strings("tags"));
                Optional<Request> next = nextPage(answer);
                if (next.isEmpty()) {
                    return tags;
                }
                request = next.get();
            }
        }
        return tags;
    }

    /** The page that a {@code Link} of the relation {@code next} leads to (RFC 8288), on the same host. */
    Optional<Request> nextPage(Answer answer) throws IOException {
        for (String link : answer.headers("Link")) {
            int open = link.indexOf('<');
            int close = link.indexOf('>');
            if (open >= 0 && close > open && link.substring(close).matches(".*rel=\"?next\"?.*")) {
                return Optional.of(Request.of("GET", Exchange.resolve(answer.uri(), link.substring(open + 1, close))));
            }
        }
        return Optional.empty();
    }

    /** Turns an answer that is not of the wanted status into words. */
    void expect(Answer answer, String what, int wanted) throws RegistryException {
        if (answer.status() == wanted) {
            return;
        }
        String next = switch (answer.status()) {
            case 403 -> "; these credentials do not allow it";
            case 404 ->
                "; it is not there, or not for whoever asks: check the name, or log in with 'docker login " + host
                        + "'";
            case 413 -> "; the registry takes nothing that large";
            default -> "";
        };
        throw new RegistryException(answer.status(), what + ": " + answer.complaint() + next);
    }

    @Override
    public String toString() {
        return host + "/" + path;
    }
}
