package io.lamina.host.registry;

import io.lamina.host.registry.Exchange.Request;
import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Answers challenges: {@code Basic} with a password, {@code Bearer} with a token for one scope (distribution v3.0.0,
 * docs/content/spec/auth: token.md, oauth.md). Tokens are kept until shortly before they expire. Any thread may call.
 */
final class Authorizer {
    private static final int MAX_TOKEN_BYTES = 1 << 20;
    private static final long DEFAULT_LIFE_SECONDS = 60;
    private static final long MARGIN_SECONDS = 10;

    private final Exchange exchange;
    private final CredentialSource source;
    private final Map<Key, Kept> kept = new ConcurrentHashMap<>();
    private final Map<String, Optional<Credentials>> found = new ConcurrentHashMap<>();

    private record Key(String host, String scope) {}

    private record Kept(String header, long untilNanos) {}

    Authorizer(Exchange exchange, CredentialSource source) {
        this.exchange = exchange;
        this.source = source;
    }

    /** What was good for this host and scope before, as the value of {@code Authorization}. */
    Optional<String> known(String host, String scope) {
        Kept before = kept.get(new Key(host, scope));
        return before != null && before.untilNanos - System.nanoTime() > 0
                ? Optional.of(before.header)
                : Optional.empty();
    }

    /** The {@code Authorization} that a challenge asks for; empty if there is nothing to answer with. */
    Optional<String> answer(String host, String scope, List<String> challengeHeaders) throws IOException {
        for (String header : challengeHeaders) {
            for (Challenge challenge : Challenge.parse(header)) {
                Optional<Kept> made = switch (challenge.scheme()) {
                    case "bearer" -> Optional.of(bearer(host, scope, challenge));
                    case "basic" -> basic(host);
                    default -> Optional.empty();
                };
                if (made.isPresent()) {
                    kept.put(new Key(host, scope), made.get());
                    return made.map(Kept::header);
                }
            }
        }
        return Optional.empty();
    }

    /** Whether anything is known to prove who asks. */
    Optional<Credentials> credentials(String host) throws IOException {
        Optional<Credentials> before = found.get(host);
        if (before == null) {
            before = source.find(host);
            found.put(host, before);
        }
        return before;
    }

    private Optional<Kept> basic(String host) throws IOException {
        return credentials(host)
                .filter(Credentials.Basic.class::isInstance)
                .map(Credentials.Basic.class::cast)
                .map(basic -> new Kept(header(basic), Long.MAX_VALUE / 2 + System.nanoTime()));
    }

    private static String header(Credentials.Basic basic) {
        byte[] pair = (basic.user() + ":" + basic.password()).getBytes(StandardCharsets.UTF_8);
        return "Basic " + Base64.getEncoder().encodeToString(pair);
    }

    private Kept bearer(String host, String scope, Challenge challenge) throws IOException {
        Optional<Credentials> credentials = credentials(host);
        if (credentials.isPresent() && credentials.get() instanceof Credentials.RegistryToken token) {
            return new Kept("Bearer " + token.token(), Long.MAX_VALUE / 2 + System.nanoTime());
        }
        URI realm = realm(host, challenge);
        String service = challenge.parameters().getOrDefault("service", "");
        String wanted = challenge.parameters().getOrDefault("scope", "");
        String asked = wanted.isEmpty() || scope.contains(" ") ? scope : wanted;
        Request request = credentials.isPresent() && credentials.get() instanceof Credentials.IdentityToken token
                ? refresh(realm, service, asked, token)
                : tokenRequest(realm, service, asked, credentials);
        try (Answer answer = exchange.send(request)) {
            if (answer.status() != 200) {
                throw new RegistryException(
                        answer.status(),
                        realm.getAuthority() + " gives no token for " + JsonValue.printable(asked) + ": "
                                + answer.complaint()
                                + (credentials.isPresent()
                                        ? "; is the password right? Log in again with"
                                        : "; log in with")
                                + " 'docker login " + host + "'");
            }
            return token(JsonParser.parse("token of " + realm.getAuthority(), answer.bytes("token", MAX_TOKEN_BYTES))
                    .object());
        }
    }

    /** Passwords go nowhere in the clear unless the registry itself is spoken to so. */
    private URI realm(String host, Challenge challenge) throws IOException {
        String text = challenge.parameters().getOrDefault("realm", "");
        try {
            URI realm = URI.create(text);
            boolean encrypted = "https".equals(realm.getScheme());
            boolean allowed =
                    "http".equals(realm.getScheme()) && exchange.scheme(host).equals("http");
            if (realm.getHost() != null && realm.getUserInfo() == null && (encrypted || allowed)) {
                return realm;
            }
        } catch (IllegalArgumentException noUri) {
            // Said below.
        }
        throw new CorruptImageException(
                host, "sends to a token server that is none, or not encrypted: " + JsonValue.printable(text));
    }

    private static Request tokenRequest(URI realm, String service, String scope, Optional<Credentials> credentials) {
        StringBuilder query = new StringBuilder(realm.getRawQuery() == null ? "" : realm.getRawQuery() + "&");
        query.append("service=").append(encoded(service));
        for (String one : scope.split(" ", -1)) {
            query.append("&scope=").append(encoded(one));
        }
        String whole = realm.toString().replaceFirst("[?#].*$", "") + "?" + query;
        if (credentials.isPresent() && credentials.get() instanceof Credentials.Basic basic) {
            return Request.of("GET", URI.create(whole + "&account=" + encoded(basic.user())))
                    .with("Authorization", header(basic));
        }
        return Request.of("GET", URI.create(whole));
    }

    private static Request refresh(URI realm, String service, String scope, Credentials.IdentityToken token) {
        String form = "grant_type=refresh_token&client_id=lamina&service=" + encoded(service) + "&scope="
                + encoded(scope) + "&refresh_token=" + encoded(token.token());
        return Request.of("POST", realm)
                .withBody("application/x-www-form-urlencoded", () -> BodyPublishers.ofString(form));
    }

    private static Kept token(JsonObject answer) throws CorruptImageException {
        String token = answer.string("token", "");
        if (token.isEmpty()) {
            token = answer.required("access_token").string();
        }
        if (token.isEmpty() || token.chars().anyMatch(c -> c <= ' ' || c > '~')) {
            throw new CorruptImageException(answer.where(), "holds a token that no header can carry");
        }
        JsonValue life = answer.optional("expires_in");
        long seconds = life == null ? DEFAULT_LIFE_SECONDS : life.integer(0, 1L << 31);
        return new Kept("Bearer " + token, System.nanoTime() + Math.max(1, seconds - MARGIN_SECONDS) * 1_000_000_000L);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
