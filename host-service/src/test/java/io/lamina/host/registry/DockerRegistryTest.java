package io.lamina.host.registry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.MediaType;
import io.lamina.images.oci.Platform;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Debian's docker-registry, behind TLS, with a password and with tokens: what is pushed there comes back. */
class DockerRegistryTest {
    private static final Path PROGRAM = Optional.ofNullable(System.getenv("LAMINA_CONTAINERD"))
            .map(Path::of)
            .orElse(Path.of(System.getProperty("user.home"), ".cache", "lamina", "containerd"))
            .resolve("tools/usr/bin/docker-registry");

    /** alice's password, {@code secret}, hashed by bcrypt. */
    private static final String HTPASSWD = "alice:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

    private static final CredentialSource ALICE = _ -> Optional.of(new Credentials.Basic("alice", "secret"));
    private static final CredentialSource MALLORY = _ -> Optional.of(new Credentials.Basic("alice", "guess"));
    private static final CredentialSource NOBODY = _ -> Optional.empty();
    private static final int LARGER_THAN_A_CHUNK = 40 << 20;

    @TempDir
    private Path directory;

    private ContentStore store;
    private ImageName image;

    @BeforeEach
    void prepare() throws IOException, InterruptedException {
        Machine.needsProgram("openssl");
        Machine.need(Files.isExecutable(PROGRAM), "docker-registry, unpacked as " + PROGRAM);
        run(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                at("key.pem"),
                "-out",
                at("cert.pem"),
                "-days",
                "2",
                "-subj",
                "/CN=test",
                "-addext",
                "subjectAltName=IP:127.0.0.1");
        store = ContentStore.open(directory.resolve("images"));
        byte[] large = new byte[LARGER_THAN_A_CHUNK];
        new Random(3).nextBytes(large);
        Digest layer = store.put(large);
        byte[] config = JsonWriter.write(Map.of(
                "os",
                "linux",
                "architecture",
                "amd64",
                "rootfs",
                Map.of("type", "layers", "diff_ids", List.of(layer.toString()))));
        byte[] manifest = JsonWriter.write(Map.of(
                "schemaVersion",
                2,
                "mediaType",
                MediaType.OCI_MANIFEST,
                "config",
                Map.of(
                        "mediaType",
                        MediaType.OCI_CONFIG,
                        "digest",
                        store.put(config).toString(),
                        "size",
                        config.length),
                "layers",
                List.of(Map.of(
                        "mediaType",
                        "application/vnd.oci.image.layer.v1.tar",
                        "digest",
                        layer.toString(),
                        "size",
                        large.length))));
        Digest _ = store.put(manifest);
        image = ImageName.of("local/app:1", MediaType.OCI_MANIFEST, manifest);
        store.name(image);
    }

    @Test
    void withTlsAndAPassword() throws IOException, InterruptedException {
        Files.writeString(directory.resolve("htpasswd"), HTPASSWD);
        try (Registry registry =
                Registry.start(directory, "auth: {htpasswd: {realm: here, path: " + at("htpasswd") + "}}")) {
            roundTrip(registry);
            refused(
                    registry,
                    NOBODY,
                    RegistrySettings.Host.DEFAULT.withAuthority(directory.resolve("cert.pem")),
                    "docker login");
            refused(
                    registry,
                    MALLORY,
                    RegistrySettings.Host.DEFAULT.withAuthority(directory.resolve("cert.pem")),
                    "docker login");
            refused(registry, ALICE, RegistrySettings.Host.DEFAULT, "--ca");
            // Said, and only then: any certificate.
            try (RegistryClient client = client(registry, ALICE, RegistrySettings.Host.DEFAULT.withSkipVerify())) {
                assertEquals(
                        List.of("1"),
                        client.repository(registry.name("team/app:1")).tags());
            }
            try (RegistryClient client = client(registry, ALICE, RegistrySettings.Host.DEFAULT.withPlainHttp())) {
                assertThrows(
                        IOException.class,
                        () -> client.repository(registry.name("team/app:1")).tags());
            }
        }
    }

    @Test
    void withTlsAndTokens() throws Exception {
        try (TokenServer tokens = TokenServer.start(directory);
                Registry registry = Registry.start(
                        directory,
                        "auth: {token: {realm: \"" + tokens.realm() + "\", service: reg, issuer: test, rootcertbundle: "
                                + at("cert.pem") + "}}")) {
            RegistrySettings settings = RegistrySettings.NONE
                    .with(registry.host(), host -> host.withAuthority(directory.resolve("cert.pem")))
                    .with(tokens.host(), host -> host.withAuthority(directory.resolve("cert.pem")));
            roundTrip(registry, settings);
            try (RegistryClient client = new RegistryClient(settings, MALLORY)) {
                IOException told = assertThrows(
                        IOException.class,
                        () -> client.repository(registry.name("team/app:1")).tags());
                assertTrue(told.getMessage().contains("gives no token"), told.getMessage());
            }
        }
    }

    private void roundTrip(Registry registry) throws IOException {
        roundTrip(
                registry,
                RegistrySettings.NONE.with(registry.host(), host -> host.withAuthority(directory.resolve("cert.pem"))));
    }

    /** Pushed, pushed elsewhere by mounting, pulled, and the same bytes. */
    private void roundTrip(Registry registry, RegistrySettings settings) throws IOException {
        ContentStore other = ContentStore.open(directory.resolve("other"));
        RemoteName name = registry.name("team/app:1");
        try (RegistryClient client = new RegistryClient(settings, ALICE)) {
            new ImagePush(client, store, 3, TransferListener.NONE).push(image, name);
            ImageName renamed = new ImageName(name.toString(), image.target());
            store.name(renamed);
            boolean[] mounted = new boolean[1];
            new ImagePush(client, store, 3, (_, state, _) -> mounted[0] |= state == TransferListener.State.MOUNTED)
                    .push(renamed, registry.name("team/copy:2"));
            assertTrue(mounted[0], "the registry has the layers already");
            ImageName pulled = new ImagePull(client, other, 3, TransferListener.NONE)
                    .pull(registry.name("team/copy:2"), Optional.of(Platform.of("linux/amd64")));
            assertEquals(image.target().digest(), pulled.target().digest());
            assertEquals(Optional.empty(), client.repository(name).manifest("absent"));
        }
        for (String file : List.of(image.target().digest().hex())) {
            assertArrayEquals(
                    Files.readAllBytes(store.root().resolve("blobs/sha256").resolve(file)),
                    Files.readAllBytes(other.root().resolve("blobs/sha256").resolve(file)));
        }
    }

    private static RegistryClient client(Registry registry, CredentialSource who, RegistrySettings.Host host) {
        return new RegistryClient(RegistrySettings.NONE.with(registry.host(), _ -> host), who);
    }

    private static void refused(Registry registry, CredentialSource who, RegistrySettings.Host host, String remedy) {
        try (RegistryClient client = client(registry, who, host)) {
            IOException told = assertThrows(
                    IOException.class,
                    () -> client.repository(registry.name("team/app:1")).tags());
            assertTrue(told.getMessage().contains(remedy), told.getMessage());
        }
    }

    private String at(String file) {
        return directory.resolve(file).toString();
    }

    private static void run(String... line) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(line).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
    }

    /** The program, with TLS. */
    private record Registry(Process process, String host) implements AutoCloseable {
        static Registry start(Path directory, String more) throws IOException, InterruptedException {
            int port;
            try (ServerSocket free = new ServerSocket(0)) {
                port = free.getLocalPort();
            }
            Path config = Files.writeString(
                    directory.resolve("registry.yml"),
                    "version: 0.1\nstorage: {filesystem: {rootdirectory: " + directory.resolve("registry")
                            + "}}\nhttp: {addr: \"127.0.0.1:" + port + "\", tls: {certificate: "
                            + directory.resolve("cert.pem") + ", key: " + directory.resolve("key.pem") + "}}\n" + more
                            + "\n");
            Process process = new ProcessBuilder(PROGRAM.toString(), "serve", config.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(directory.resolve("registry.log").toFile())
                    .start();
            for (int i = 0; i < 100 && !answers(port); i++) {
                Thread.sleep(100);
            }
            return new Registry(process, "127.0.0.1:" + port);
        }

        private static boolean answers(int port) {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                return socket.isConnected();
            } catch (IOException notYet) {
                return false;
            }
        }

        RemoteName name(String repository) {
            return RemoteName.parse(host + "/" + repository);
        }

        @Override
        public void close() {
            process.destroy();
        }
    }

    /**
     * Gives alice, and her alone, tokens for what she asks, signed as the registry wants (distribution v2.8, token JWT). Behind TLS,
     * since our client takes passwords nowhere else.
     */
    private record TokenServer(HttpServer server) implements AutoCloseable {
        static TokenServer start(Path directory) throws Exception {
            run(
                    "openssl",
                    "pkcs12",
                    "-export",
                    "-in",
                    directory.resolve("cert.pem").toString(),
                    "-inkey",
                    directory.resolve("key.pem").toString(),
                    "-out",
                    directory.resolve("key.p12").toString(),
                    "-passout",
                    "pass:x");
            java.security.KeyStore keys = java.security.KeyStore.getInstance(
                    directory.resolve("key.p12").toFile(), "x".toCharArray());
            var managers =
                    javax.net.ssl.KeyManagerFactory.getInstance(javax.net.ssl.KeyManagerFactory.getDefaultAlgorithm());
            managers.init(keys, "x".toCharArray());
            var context = javax.net.ssl.SSLContext.getInstance("TLS");
            context.init(managers.getKeyManagers(), null, null);
            var server = com.sun.net.httpserver.HttpsServer.create(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.setHttpsConfigurator(new com.sun.net.httpserver.HttpsConfigurator(context));
            String basic =
                    "Basic " + Base64.getEncoder().encodeToString("alice:secret".getBytes(StandardCharsets.UTF_8));
            server.createContext("/token", exchange -> {
                try (exchange) {
                    if (!basic.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                        exchange.sendResponseHeaders(401, -1);
                        return;
                    }
                    byte[] body = JsonWriter.write(Map.of(
                            "token", token(directory, exchange.getRequestURI().getQuery())));
                    exchange.sendResponseHeaders(200, body.length);
                    exchange.getResponseBody().write(body);
                } catch (GeneralSecurityException failure) {
                    throw new IOException(failure);
                }
            });
            server.start();
            return new TokenServer(server);
        }

        String host() {
            return "127.0.0.1:" + server.getAddress().getPort();
        }

        String realm() {
            return "https://" + host() + "/token";
        }

        private static String token(Path directory, String query) throws IOException, GeneralSecurityException {
            List<Object> access = Arrays.stream(query.split("&", -1))
                    .filter(part -> part.startsWith("scope="))
                    .map(part -> part.substring(6).split(":", 3))
                    .<Object>map(scope ->
                            Map.of("type", scope[0], "name", scope[1], "actions", List.of(scope[2].split(",", -1))))
                    .toList();
            long now = Instant.now().getEpochSecond();
            String certificate = pem(directory.resolve("cert.pem"));
            String head = encoded(JsonWriter.write(Map.of("typ", "JWT", "alg", "RS256", "x5c", List.of(certificate))));
            String claims = encoded(JsonWriter.write(Map.of(
                    "iss", "test", "sub", "alice", "aud", "reg", "exp", now + 300, "nbf", now - 10, "iat", now, "jti",
                    "1", "access", access)));
            Signature signature = Signature.getInstance("SHA256withRSA");
            signature.initSign(KeyFactory.getInstance("RSA")
                    .generatePrivate(
                            new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem(directory.resolve("key.pem"))))));
            signature.update((head + "." + claims).getBytes(StandardCharsets.US_ASCII));
            return head + "." + claims + "." + encoded(signature.sign());
        }

        private static String pem(Path file) throws IOException {
            return Files.readString(file).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
        }

        private static String encoded(byte[] bytes) {
            return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
        }

        @Override
        public void close() {
            server.stop(0);
        }
    }
}
