package io.lamina.host.registry;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.MediaType;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A registry that keeps the rules, until a test makes it break one. On a port of this machine alone. */
final class FakeRegistry implements AutoCloseable {
    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<String, Fault> faults = new ConcurrentHashMap<>();
    private final Map<String, byte[]> content = new ConcurrentHashMap<>();
    private final List<Seen> seen = Collections.synchronizedList(new ArrayList<>());

    /** What is done instead of answering. */
    @FunctionalInterface
    interface Fault {
        void answer(HttpExchange exchange) throws IOException;
    }

    /** A request that came. */
    record Seen(String method, String path, Headers headers) {}

    FakeRegistry() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::handle);
        server.setExecutor(threads);
        server.start();
    }

    String host() {
        return "127.0.0.1:" + server.getAddress().getPort();
    }

    /** Nothing but plain HTTP, and few, quick attempts. */
    RegistryClient client(RegistrySettings more, CredentialSource credentials) {
        return new RegistryClient(
                more.with(host(), RegistrySettings.Host::withPlainHttp),
                credentials,
                new RetryPolicy(3, java.time.Duration.ofMillis(1), java.time.Duration.ofSeconds(5)),
                java.time.Duration.ofMillis(500));
    }

    RemoteName name(String tag) {
        return RemoteName.parse(host() + "/team/app:" + tag);
    }

    void fault(String path, Fault fault) {
        faults.put(path, fault);
    }

    void heal(String path) {
        faults.remove(path);
    }

    List<Seen> seen(String path) {
        synchronized (seen) {
            return seen.stream().filter(one -> one.path.equals(path)).toList();
        }
    }

    static String blobPath(Digest digest) {
        return "/v2/team/app/blobs/" + digest;
    }

    static String manifestPath(String reference) {
        return "/v2/team/app/manifests/" + reference;
    }

    Map<String, Object> blob(String mediaType, byte[] bytes) {
        Digest digest = Digest.ofContent(bytes);
        content.put(blobPath(digest), bytes);
        Map<String, Object> descriptor = new TreeMap<>();
        descriptor.put("mediaType", mediaType);
        descriptor.put("digest", digest.toString());
        descriptor.put("size", bytes.length);
        return descriptor;
    }

    /** Puts a manifest of these layers under a tag. */
    byte[] image(String tag, List<Map<String, Object>> layers) {
        Map<String, Object> config = blob(
                MediaType.OCI_CONFIG,
                JsonWriter.write(Map.of(
                        "os",
                        "linux",
                        "architecture",
                        "amd64",
                        "rootfs",
                        Map.of("type", "layers", "diff_ids", List.of()))));
        return manifest(
                tag,
                MediaType.OCI_MANIFEST,
                JsonWriter.write(Map.of(
                        "schemaVersion", 2, "mediaType", MediaType.OCI_MANIFEST, "config", config, "layers", layers)));
    }

    byte[] manifest(String tag, String mediaType, byte[] bytes) {
        content.put(manifestPath(tag), bytes);
        content.put(manifestPath(Digest.ofContent(bytes).toString()), bytes);
        content.put("type:" + manifestPath(tag), mediaType.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        return bytes;
    }

    private void handle(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        seen.add(new Seen(exchange.getRequestMethod(), path, exchange.getRequestHeaders()));
        try (exchange) {
            Fault fault = faults.get(path);
            if (fault != null) {
                fault.answer(exchange);
                return;
            }
            answer(exchange);
        }
    }

    /** What a good registry answers. */
    void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        if (exchange.getRequestMethod().equals("PUT")) {
            byte[] bytes = exchange.getRequestBody().readAllBytes();
            content.put(path, bytes);
            content.put(manifestPath(Digest.ofContent(bytes).toString()), bytes);
            exchange.sendResponseHeaders(201, -1);
            return;
        }
        byte[] bytes = content.get(path);
        if (bytes == null) {
            exchange.sendResponseHeaders(404, -1);
            return;
        }
        String range = exchange.getRequestHeaders().getFirst("Range");
        int start = range == null ? 0 : Integer.parseInt(range.replaceAll("\\D", ""));
        if (start > 0) {
            exchange.getResponseHeaders()
                    .add("Content-Range", "bytes " + start + "-" + (bytes.length - 1) + "/" + bytes.length);
        }
        exchange.getResponseHeaders().add("Content-Type", "application/octet-stream");
        exchange.sendResponseHeaders(start > 0 ? 206 : 200, bytes.length - start == 0 ? -1 : bytes.length - start);
        exchange.getResponseBody().write(bytes, start, bytes.length - start);
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
