package io.lamina.host.registry;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The credentials that {@code docker login} has kept: {@code config.json} (docker/cli, cli/config/configfile/file.go at
 * v28.0.0) with its {@code auths}, {@code credsStore} and {@code credHelpers}, and the helper programs that the latter
 * name (docker/docker-credential-helpers).
 */
public final class DockerConfig implements CredentialSource {
    /** What Docker calls Docker Hub in its file. */
    private static final String HUB_KEY = "https://index.docker.io/v1/";

    private static final Pattern HELPER = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}");
    private static final int MAX_ANSWER_BYTES = 1 << 20;
    private static final int HELPER_SECONDS = 60;
    /** How Java tells of a process that SIGKILL has ended. */
    private static final int KILLED = 128 + 9;

    private final Path file;
    private final String searchPath;

    private DockerConfig(Path file, String searchPath) {
        this.file = file;
        this.searchPath = searchPath;
    }

    /** The user's: {@code $REGISTRY_AUTH_FILE}, or {@code config.json} in {@code $DOCKER_CONFIG} or {@code ~/.docker}. */
    public static DockerConfig ofUser() {
        Map<String, String> environment = System.getenv();
        String auth = environment.get("REGISTRY_AUTH_FILE");
        if (auth != null && !auth.isEmpty()) {
            return of(Path.of(auth));
        }
        String directory = environment.get("DOCKER_CONFIG");
        Path docker = directory != null && !directory.isEmpty()
                ? Path.of(directory)
                : Path.of(System.getProperty("user.home"), ".docker");
        return of(docker.resolve("config.json"));
    }

    /** One file, which need not exist. Helpers are looked for as a shell does. */
    public static DockerConfig of(Path file) {
        return of(file, System.getenv().getOrDefault("PATH", "/usr/bin:/bin"));
    }

    /** @param searchPath where helpers are looked for, directories between colons */
    static DockerConfig of(Path file, String searchPath) {
        return new DockerConfig(file, searchPath);
    }

    @Override
    public Optional<Credentials> find(String host) throws IOException {
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        if (Files.size(file) > JsonParser.MAX_TEXT_BYTES) {
            throw new CorruptImageException(file.toString(), "is larger than any configuration");
        }
        JsonObject config =
                JsonParser.parse(file.toString(), Files.readAllBytes(file)).object();
        String key = host.equals(RemoteName.DOCKER_HUB) ? HUB_KEY : host;
        JsonValue helpers = config.optional("credHelpers");
        String helper = helpers == null ? "" : helpers.object().string(key, "");
        if (helper.isEmpty()) {
            helper = config.string("credsStore", "");
        }
        if (!helper.isEmpty()) {
            Optional<Credentials> found = ask(helper, key);
            if (found.isPresent()) {
                return found;
            }
        }
        JsonValue auths = config.optional("auths");
        if (auths == null) {
            return Optional.empty();
        }
        for (String name : auths.object().names()) {
            JsonValue entry = auths.object().optional(name);
            if (entry != null && hostOf(name).equals(host)) {
                return entry(entry);
            }
        }
        return Optional.empty();
    }

    /** Keys are hosts or, from earlier times, addresses. */
    private static String hostOf(String key) {
        String host = key.replaceFirst("^https?://", "").replaceFirst("/.*$", "");
        return host.equals("index.docker.io") || host.equals("registry-1.docker.io") ? RemoteName.DOCKER_HUB : host;
    }

    private static Optional<Credentials> entry(JsonValue value) throws CorruptImageException {
        JsonObject entry = value.object();
        String identity = entry.string("identitytoken", "");
        if (!identity.isEmpty()) {
            return Optional.of(new Credentials.IdentityToken(identity));
        }
        String registry = entry.string("registrytoken", "");
        if (!registry.isEmpty()) {
            return Optional.of(new Credentials.RegistryToken(registry));
        }
        String user = entry.string("username", "");
        String password = entry.string("password", "");
        String auth = entry.string("auth", "");
        if (!auth.isEmpty()) {
            String decoded;
            try {
                decoded = new String(Base64.getDecoder().decode(auth.strip()), StandardCharsets.UTF_8);
            } catch (IllegalArgumentException notBase64) {
                throw value.broken("has an \"auth\" that is no base64; log in again");
            }
            int colon = decoded.indexOf(':');
            if (colon < 0) {
                throw value.broken("has an \"auth\" without a colon; log in again");
            }
            user = decoded.substring(0, colon);
            password = decoded.substring(colon + 1).replaceAll("\0+$", "");
        }
        return user.isEmpty() ? Optional.empty() : Optional.of(new Credentials.Basic(user, password));
    }

    /** Runs {@code docker-credential-HELPER get}. */
    private Optional<Credentials> ask(String helper, String key) throws IOException {
        if (!HELPER.matcher(helper).matches()) {
            throw new CorruptImageException(file.toString(), "names a credential helper that is no program's name");
        }
        String program = "docker-credential-" + helper;
        Path found = Stream.of(searchPath.split(":"))
                .map(directory -> Path.of(directory, program))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new IOException(program + ", which " + file + " names for " + key + ", is not in "
                        + searchPath + "; install it, or take it out of that file and log in again"));
        Process process = new ProcessBuilder(found.toString(), "get")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        var _ = process.onExit()
                .orTimeout(HELPER_SECONDS, TimeUnit.SECONDS)
                .exceptionally(_ -> process.destroyForcibly());
        try (var input = process.getOutputStream()) {
            input.write((key + "\n").getBytes(StandardCharsets.UTF_8));
        }
        byte[] answer;
        try (InputStream output = process.getInputStream()) {
            answer = output.readNBytes(MAX_ANSWER_BYTES);
            if (process.waitFor() == KILLED) {
                throw new IOException(program + " did not end within " + HELPER_SECONDS + " s");
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while " + program + " ran", interrupted);
        } finally {
            process.destroyForcibly();
        }
        if (process.exitValue() != 0) {
            String said = JsonValue.printable(new String(answer, StandardCharsets.UTF_8).strip());
            if (said.contains("credentials not found")) {
                return Optional.empty();
            }
            throw new IOException(program + " get " + key + ": " + said);
        }
        return credentials(JsonParser.parse("the answer of " + program, answer).object());
    }

    private static Optional<Credentials> credentials(JsonObject answer) throws CorruptImageException {
        String user = answer.string("Username", "");
        String secret = answer.string("Secret", "");
        if (user.isEmpty() && secret.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(
                user.equals("<token>") ? new Credentials.IdentityToken(secret) : new Credentials.Basic(user, secret));
    }

    /** Where was looked, for messages. */
    @Override
    public String toString() {
        return file.toString();
    }
}
