package io.lamina.host.registry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import io.lamina.host.content.ContentStore;
import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.MediaType;
import io.lamina.images.oci.Platform;
import io.lamina.linux.Mount;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pulling from a registry that breaks the rules, one after the other: a clear error, and nothing left behind. */
class RegistryFaultsTest {
    private static final Optional<Platform> AMD64 = Optional.of(Platform.of("linux/amd64"));
    private static final CredentialSource NOBODY = _ -> Optional.empty();
    private static final String LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

    @TempDir
    private Path directory;

    private FakeRegistry registry;
    private ContentStore store;
    private byte[] layer;
    private Digest digest;

    @BeforeEach
    void start() throws IOException {
        registry = new FakeRegistry();
        store = ContentStore.open(directory.resolve("images"));
        layer = new byte[300_000];
        new Random(8).nextBytes(layer);
        digest = Digest.ofContent(layer);
        byte[] _ = registry.image("1", List.of(registry.blob(LAYER, layer)));
    }

    @AfterEach
    void stop() {
        registry.close();
    }

    @Test
    void aGoodImageIsPulledWhole() throws IOException {
        pull("1");
        assertArrayEquals(layer, Files.readAllBytes(store.path(digest)));
        assertEquals(registry.name("1").toString(), store.names().getFirst().name());
        assertEquals(List.of(), ingests());
    }

    @Test
    void aBrokenDownloadGoesOnWhereItBrokeOff() throws IOException {
        AtomicInteger requests = new AtomicInteger();
        String path = FakeRegistry.blobPath(digest);
        registry.fault(path, exchange -> {
            if (requests.incrementAndGet() == 1) {
                exchange.sendResponseHeaders(200, layer.length);
                exchange.getResponseBody().write(layer, 0, 100_000);
                exchange.getResponseBody().flush();
                return; // the connection ends here
            }
            registry.answer(exchange);
        });
        pull("1");
        assertArrayEquals(layer, Files.readAllBytes(store.path(digest)));
        List<FakeRegistry.Seen> seen = registry.seen(path);
        assertEquals(2, seen.size());
        String range = seen.get(1).headers().getFirst("Range");
        assertTrue(range.matches("bytes=[1-9][0-9]*-"), range);
    }

    @Test
    void theNextPullGoesOnWhereTheLastGaveUp() throws IOException {
        String path = FakeRegistry.blobPath(digest);
        AtomicInteger requests = new AtomicInteger();
        registry.fault(path, exchange -> {
            if (requests.incrementAndGet() == 1) {
                exchange.sendResponseHeaders(200, layer.length);
                exchange.getResponseBody().write(layer, 0, 200_000);
                exchange.getResponseBody().flush();
            } else {
                exchange.sendResponseHeaders(503, -1);
            }
        });
        refused("refuses for now", RegistryException.class);
        registry.heal(path);
        pull("1");
        String range = registry.seen(path).getLast().headers().getFirst("Range");
        assertTrue(range.matches("bytes=[1-9][0-9]*-"), range);
        assertArrayEquals(layer, Files.readAllBytes(store.path(digest)));
    }

    @Test
    void aServerWithoutRangesIsReadFromTheStart() throws IOException {
        AtomicInteger requests = new AtomicInteger();
        registry.fault(FakeRegistry.blobPath(digest), exchange -> {
            exchange.sendResponseHeaders(200, layer.length);
            int length = requests.incrementAndGet() == 1 ? 100_000 : layer.length;
            exchange.getResponseBody().write(layer, 0, length);
            exchange.getResponseBody().flush();
        });
        pull("1");
        assertArrayEquals(layer, Files.readAllBytes(store.path(digest)));
    }

    @Test
    void aWrongDigestLeavesNothing() throws IOException {
        registry.fault(FakeRegistry.blobPath(digest), exchange -> {
            byte[] other = layer.clone();
            other[77] ^= 1;
            send(exchange, 200, other);
        });
        refused("has the digest", io.lamina.images.CorruptImageException.class);
        nothingLeft();
    }

    @Test
    void aBodyThatIsAlwaysTooShortLeavesNothing() throws IOException {
        registry.fault(FakeRegistry.blobPath(digest), exchange -> {
            String range = exchange.getRequestHeaders().getFirst("Range");
            if (range != null) {
                exchange.getResponseHeaders()
                        .add("Content-Range", range.replace('=', ' ') + (layer.length - 1) + "/" + layer.length);
            }
            exchange.sendResponseHeaders(range == null ? 200 : 206, 0); // of no told length
            exchange.getResponseBody().write(layer, 0, range == null ? 1000 : 0);
        });
        refused("ends after 1000 of 300000 bytes", io.lamina.images.CorruptImageException.class);
        nothingLeft();
    }

    @Test
    void aBodyThatIsTooLongLeavesNothing() throws IOException {
        registry.fault(FakeRegistry.blobPath(digest), exchange -> {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write(layer);
            exchange.getResponseBody().write(1);
        });
        refused("more than the 300000 bytes", io.lamina.images.CorruptImageException.class);
        nothingLeft();
        registry.fault(FakeRegistry.blobPath(digest), exchange -> send(exchange, 200, new byte[layer.length + 1]));
        refused("its descriptor says 300000", io.lamina.images.CorruptImageException.class);
        nothingLeft();
    }

    @Test
    void aBodyThatStallsEnds() throws IOException {
        registry.fault(FakeRegistry.blobPath(digest), exchange -> {
            exchange.sendResponseHeaders(200, layer.length);
            exchange.getResponseBody().flush();
            try {
                Thread.sleep(20_000);
            } catch (InterruptedException over) {
                Thread.currentThread().interrupt();
            }
        });
        refused("has sent nothing for", RegistryException.class);
        nothingLeft();
    }

    @Test
    void tooManyRequestsAreTriedAgain() throws IOException {
        AtomicInteger requests = new AtomicInteger();
        registry.fault(FakeRegistry.blobPath(digest), exchange -> {
            if (requests.incrementAndGet() < 3) {
                exchange.getResponseHeaders().add("Retry-After", "0");
                exchange.sendResponseHeaders(429, -1);
            } else {
                registry.answer(exchange);
            }
        });
        pull("1");
        assertEquals(3, requests.get());
    }

    @Test
    void aRegistryThatAsksForHoursIsNotWaitedFor() throws IOException {
        registry.fault(FakeRegistry.manifestPath("1"), exchange -> {
            exchange.getResponseHeaders().add("Retry-After", "7200");
            send(
                    exchange,
                    429,
                    "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"slow\\u001b[31m down\"}]}"
                            .getBytes(StandardCharsets.UTF_8));
        });
        refused(
                "TOOMANYREQUESTS, slow?[31m down (HTTP status 429); it asks to come back in 7200 s",
                RegistryException.class);
        nothingLeft();
    }

    @Test
    void redirectsTakeNoCredentialsAlong() throws IOException {
        CredentialSource alice = _ -> Optional.of(new Credentials.Basic("alice", "secret"));
        try (FakeRegistry storage = new FakeRegistry()) {
            storage.fault("/elsewhere", exchange -> send(exchange, 200, layer));
            registry.fault(FakeRegistry.blobPath(digest), exchange -> {
                if (exchange.getRequestHeaders().getFirst("Authorization") == null) {
                    exchange.getResponseHeaders().add("WWW-Authenticate", "Basic realm=\"here\"");
                    exchange.sendResponseHeaders(401, -1);
                } else {
                    exchange.getResponseHeaders().add("Location", "http://" + storage.host() + "/elsewhere");
                    exchange.sendResponseHeaders(307, -1);
                }
            });
            RegistrySettings both = RegistrySettings.NONE.with(storage.host(), RegistrySettings.Host::withPlainHttp);
            try (RegistryClient client = registry.client(both, alice)) {
                var _ = new ImagePull(client, store, 2, TransferListener.NONE).pull(registry.name("1"), AMD64);
            }
            assertNull(storage.seen("/elsewhere").getFirst().headers().getFirst("Authorization"));
            assertEquals(
                    "Basic " + Base64.getEncoder().encodeToString("alice:secret".getBytes(StandardCharsets.UTF_8)),
                    registry.seen(FakeRegistry.blobPath(digest))
                            .getLast()
                            .headers()
                            .getFirst("Authorization"));
        }
    }

    @Test
    void redirectsInACircleEnd() throws IOException {
        registry.fault(FakeRegistry.blobPath(digest), exchange -> {
            exchange.getResponseHeaders().add("Location", FakeRegistry.blobPath(digest));
            exchange.sendResponseHeaders(302, -1);
        });
        refused("redirects more than 5 times", RegistryException.class);
        nothingLeft();
        registry.fault(FakeRegistry.blobPath(digest), exchange -> {
            exchange.getResponseHeaders().add("Location", "file:///etc/passwd");
            exchange.sendResponseHeaders(302, -1);
        });
        refused("no web address", RegistryException.class);
        nothingLeft();
    }

    @Test
    void hostileManifestsAreRefused() throws IOException {
        List<Map<String, Object>> many = new ArrayList<>();
        for (int i = 0; i < 10_000; i++) {
            many.add(Map.of("mediaType", LAYER, "digest", "sha256:%064x".formatted(i), "size", 1));
        }
        byte[] _ = registry.image("1", many);
        refused("10000 layers, at most 1000", io.lamina.images.CorruptImageException.class);

        byte[] _ = registry.image(
                "1",
                List.of(
                        Map.of("mediaType", LAYER, "digest", digest.toString(), "size", 300_000),
                        Map.of("mediaType", LAYER, "digest", digest.toString(), "size", 5)));
        refused("gives two sizes", io.lamina.images.CorruptImageException.class);

        byte[] _ = registry.image(
                "1", List.of(Map.of("mediaType", LAYER, "digest", digest.toString(), "size", Long.MAX_VALUE)));
        refused("no space for", IOException.class);

        registry.fault(FakeRegistry.manifestPath("1"), exchange -> {
            exchange.getResponseHeaders().add("Content-Length", "4294967296");
            exchange.sendResponseHeaders(200, 4294967296L);
            exchange.getResponseBody().flush();
        });
        refused("has 4294967296 bytes, at most 4194304", io.lamina.images.CorruptImageException.class);

        registry.fault(FakeRegistry.manifestPath("1"), exchange -> {
            exchange.sendResponseHeaders(200, 0);
            byte[] spaces = " ".repeat(1 << 16).getBytes(StandardCharsets.UTF_8);
            for (int i = 0; i < 1 << 16; i++) {
                exchange.getResponseBody().write(spaces);
            }
        });
        refused("has more, at most 4194304", io.lamina.images.CorruptImageException.class);
        nothingLeft();
    }

    @Test
    void aManifestOfAnotherDigestIsRefused() throws IOException {
        Digest asked = Digest.ofContent(new byte[5]);
        registry.fault(
                FakeRegistry.manifestPath(asked.toString()),
                exchange -> send(exchange, 200, "{}".getBytes(StandardCharsets.UTF_8)));
        IOException refusal = assertThrows(io.lamina.images.CorruptImageException.class, () -> {
            try (RegistryClient client = registry.client(RegistrySettings.NONE, NOBODY)) {
                var _ = new ImagePull(client, store, 2, TransferListener.NONE)
                        .pull(registry.name("1").withDigest(asked), AMD64);
            }
        });
        assertTrue(refusal.getMessage().contains("has the digest"), refusal.getMessage());
        nothingLeft();
    }

    @Test
    void layersThatAreThereTwiceComeOnce() throws IOException {
        Map<String, Object> descriptor = registry.blob(LAYER, layer);
        byte[] _ = registry.image("1", List.of(descriptor, descriptor, descriptor));
        pull("1");
        assertEquals(1, registry.seen(FakeRegistry.blobPath(digest)).size());
    }

    @Test
    void ofSeveralPlatformsTheOneAskedForComesAndAllWhereAllAreWanted() throws IOException {
        List<Object> entries = new ArrayList<>();
        for (String architecture : List.of("amd64", "arm64")) {
            byte[] own = architecture.getBytes(StandardCharsets.UTF_8);
            byte[] manifest = registry.image(architecture, List.of(registry.blob(LAYER, own)));
            entries.add(Map.of(
                    "mediaType",
                    MediaType.OCI_MANIFEST,
                    "digest",
                    Digest.ofContent(manifest).toString(),
                    "size",
                    manifest.length,
                    "platform",
                    Map.of("os", "linux", "architecture", architecture)));
        }
        byte[] _ = registry.manifest(
                "multi",
                MediaType.OCI_INDEX,
                JsonWriter.write(Map.of("schemaVersion", 2, "mediaType", MediaType.OCI_INDEX, "manifests", entries)));
        Digest arm = Digest.ofContent("arm64".getBytes(StandardCharsets.UTF_8));
        pull("multi");
        assertFalse(store.has(arm));
        try (RegistryClient client = registry.client(RegistrySettings.NONE, NOBODY)) {
            ImagePull pull = new ImagePull(client, store, 2, TransferListener.NONE);
            var image = pull.pull(registry.name("multi"), Optional.empty());
            assertTrue(store.has(arm));
            assertTrue(MediaType.isIndex(image.target().mediaType()));
            IOException none = assertThrows(
                    IOException.class,
                    () -> pull.find(registry.name("multi"), Optional.of(Platform.of("linux/s390x"))));
            assertTrue(none.getMessage().contains("linux/amd64, linux/arm64"), none.getMessage());
        }
    }

    @Test
    void mirrorsAreAskedFirstAndTheRegistryWhereTheyFail() throws IOException {
        try (FakeRegistry mirror = new FakeRegistry()) {
            RegistrySettings settings = RegistrySettings.NONE
                    .with(mirror.host(), RegistrySettings.Host::withPlainHttp)
                    .with(
                            registry.host(),
                            _ -> new RegistrySettings.Host(
                                    List.of(mirror.host() + "/cache"), true, false, Optional.empty()));
            try (RegistryClient client = registry.client(settings, NOBODY)) {
                var _ = new ImagePull(client, store, 2, TransferListener.NONE).pull(registry.name("1"), AMD64);
            }
            assertEquals(1, mirror.seen("/v2/cache/team/app/manifests/1").size());
            assertEquals(1, registry.seen(FakeRegistry.blobPath(digest)).size());
        }
    }

    @Test
    void tokensAreFetchedForTheScopeAndKept() throws IOException {
        registry.fault("/token", exchange -> {
            String query = exchange.getRequestURI().getQuery();
            boolean right = query.contains("service=svc")
                    && query.contains("scope=repository:team/app:pull")
                    && exchange.getRequestHeaders().getFirst("Authorization") != null;
            send(
                    exchange,
                    right ? 200 : 400,
                    "{\"token\":\"T0k\",\"expires_in\":300}".getBytes(StandardCharsets.UTF_8));
        });
        FakeRegistry.Fault guarded = exchange -> {
            if (!"Bearer T0k".equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                exchange.getResponseHeaders()
                        .add(
                                "WWW-Authenticate",
                                "Bearer realm=\"http://" + registry.host()
                                        + "/token\",service=\"svc\",scope=\"repository:team/app:pull\"");
                exchange.sendResponseHeaders(401, -1);
            } else {
                registry.answer(exchange);
            }
        };
        registry.fault(FakeRegistry.manifestPath("1"), guarded);
        registry.fault(FakeRegistry.blobPath(digest), guarded);
        IOException without = assertThrows(RegistryException.class, () -> pull("1"));
        assertTrue(without.getMessage().contains("docker login " + registry.host()), without.getMessage());
        Path config = Files.writeString(
                directory.resolve("config.json"),
                "{\"auths\":{\"http://" + registry.host() + "/v1/\":{\"auth\":\"YWxpY2U6c2VjcmV0\"}}}");
        try (RegistryClient client = registry.client(RegistrySettings.NONE, DockerConfig.of(config))) {
            var _ = new ImagePull(client, store, 2, TransferListener.NONE).pull(registry.name("1"), AMD64);
        }
        assertEquals(2, registry.seen("/token").size(), "one without a password, one with; then it is kept");
    }

    @Test
    void passwordsGoToNoTokenServerThatIsNotEncrypted() {
        Challenge challenge = Challenge.parse("Bearer realm=\"http://evil.example/token\",service=\"s\"")
                .getFirst();
        assertEquals("http://evil.example/token", challenge.parameters().get("realm"));
        Exchange encrypted = new Exchange(RegistrySettings.NONE, RetryPolicy.DEFAULT, java.time.Duration.ofSeconds(1));
        try (encrypted) {
            Authorizer authorizer = new Authorizer(encrypted, _ -> Optional.of(new Credentials.Basic("a", "b")));
            IOException refusal = assertThrows(
                    IOException.class,
                    () -> authorizer.answer(
                            "registry.example",
                            "s",
                            List.of("Bearer realm=\"http://evil.example/token\",service=\"s\"")));
            assertTrue(refusal.getMessage().contains("not encrypted"), refusal.getMessage());
        }
    }

    @Test
    void dockersFileAndItsHelpersAreRead() throws IOException {
        Path helper = Files.writeString(
                directory.resolve("docker-credential-lamina-test"),
                "#!/bin/sh\nread host\nif [ \"$host\" = r.example ]; then echo '{\"Username\":\"<token>\",\"Secret\":\"idt\"}'; "
                        + "else echo credentials not found in native keychain; exit 1; fi\n");
        var _ = Files.setPosixFilePermissions(helper, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path config = Files.writeString(
                directory.resolve("config.json"),
                "{\"credHelpers\":{\"r.example\":\"lamina-test\",\"s.example\":\"lamina-test\",\"u.example\":\"../x\","
                        + "\"v.example\":\"missing\"},\"auths\":{\"https://index.docker.io/v1/\":"
                        + "{\"auth\":\"YWxpY2U6c2VjcmV0\"},\"t.example\":{\"identitytoken\":\"xyz\"}}}");
        DockerConfig docker = DockerConfig.of(config, "/nowhere:" + directory);
        assertEquals(Optional.of(new Credentials.IdentityToken("idt")), docker.find("r.example"));
        assertEquals(Optional.empty(), docker.find("s.example"), "the helper knows no such host");
        assertEquals(Optional.of(new Credentials.Basic("alice", "secret")), docker.find("docker.io"));
        assertEquals(Optional.of(new Credentials.IdentityToken("xyz")), docker.find("t.example"));
        assertEquals(Optional.empty(), docker.find("other.example"));
        assertThrows(CorruptImageException.class, () -> docker.find("u.example"));
        IOException missing = assertThrows(IOException.class, () -> docker.find("v.example"));
        assertTrue(missing.getMessage().contains("docker-credential-missing"), missing.getMessage());
    }

    @Test
    void aFullDiskIsTold() throws IOException {
        Machine.needsRoot();
        Path small = Files.createDirectories(directory.resolve("small"));
        Mount.mount("tmpfs", "tmpfs", small.toString(), 0, "size=256k");
        try {
            ContentStore full = ContentStore.open(small.resolve("images"));
            Descriptor blob = new Descriptor(LAYER, digest, layer.length, null, List.of());
            try (RegistryClient client = registry.client(RegistrySettings.NONE, NOBODY)) {
                Repository repository = client.repository(registry.name("1"));
                IOException told = assertThrows(
                        IOException.class,
                        () -> BlobDownload.run(full, List.of(repository), blob, TransferListener.NONE));
                assertTrue(told.getMessage().contains("no space left on the device"), told.getMessage());
                ImagePull pull = new ImagePull(client, full, 2, TransferListener.NONE);
                IOException before = assertThrows(IOException.class, () -> pull.pull(registry.name("1"), AMD64));
                assertTrue(before.getMessage().contains("no space for"), before.getMessage());
            }
            assertFalse(full.has(digest));
            try (Stream<Path> left = Files.list(small.resolve("images/ingest"))) {
                assertEquals(List.of(), left.toList());
            }
        } finally {
            Mount.unmount(small.toString(), Mount.MNT_DETACH);
        }
    }

    @Test
    void referrersOfARegistryWithoutThemAreKeptUnderATag() throws IOException {
        Digest subject = Digest.ofContent(new byte[] {1});
        byte[] manifest = "{\"schemaVersion\":2}".getBytes(StandardCharsets.UTF_8);
        Descriptor descriptor =
                new Descriptor(MediaType.OCI_MANIFEST, Digest.ofContent(manifest), manifest.length, null, List.of());
        try (RegistryClient client = registry.client(RegistrySettings.NONE, NOBODY)) {
            Referrers referrers = new Referrers(client.repository(registry.name("1")));
            assertEquals(List.of(), referrers.list(subject, "a/b"));
            referrers.put(
                    subject, new Referrers.Referrer(descriptor, "a/b", Map.of("k", "v")), manifest, Optional.empty());
            referrers.put(
                    subject, new Referrers.Referrer(descriptor, "a/b", Map.of("k", "v")), manifest, Optional.empty());
            List<Referrers.Referrer> found = referrers.list(subject, "a/b");
            assertEquals(1, found.size());
            assertEquals(Map.of("k", "v"), found.getFirst().annotations());
            assertEquals(List.of(), referrers.list(subject, "other"));
        }
    }

    private void pull(String tag) throws IOException {
        try (RegistryClient client = registry.client(RegistrySettings.NONE, NOBODY)) {
            var _ = new ImagePull(client, store, 2, TransferListener.NONE).pull(registry.name(tag), AMD64);
        }
    }

    private void refused(String words, Class<? extends IOException> kind) {
        IOException refusal = assertThrows(kind, () -> pull("1"));
        assertTrue(String.valueOf(refusal.getMessage()).contains(words), refusal.getMessage());
    }

    private void nothingLeft() throws IOException {
        assertFalse(store.has(digest));
        assertEquals(List.of(), store.names());
        assertFalse(Files.exists(store.root().resolve("ingest").resolve(digest.hex())));
    }

    private List<Path> ingests() throws IOException {
        try (Stream<Path> files = Files.list(store.root().resolve("ingest"))) {
            return files.toList();
        }
    }

    private static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }
}
