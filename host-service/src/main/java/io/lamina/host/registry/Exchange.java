package io.lamina.host.registry;

import io.lamina.images.json.JsonValue;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.UnresolvedAddressException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Sends requests: again where that may help, on to where a redirect leads. Credentials go to the host that they were given
 * for and to no other. Any thread may call.
 */
final class Exchange implements AutoCloseable {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(30);
    private static final Duration HEAD_TIMEOUT = Duration.ofSeconds(60);
    private static final long SLOWEST_UPLOAD_BYTES_PER_SECOND = 64 << 10;
    private static final int MAX_REDIRECTS = 5;
    private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
    private static final Set<Integer> PASSING = Set.of(408, 429, 500, 502, 503, 504);
    private static final String AUTHORIZATION = "Authorization";

    private final RegistrySettings settings;
    private final RetryPolicy retries;
    private final StallWatch stalls;
    private final Map<String, HttpClient> clients = new ConcurrentHashMap<>();

    Exchange(RegistrySettings settings, RetryPolicy retries, Duration longestStall) {
        this.settings = settings;
        this.retries = retries;
        this.stalls = new StallWatch(longestStall);
    }

    /**
     * A request.
     *
     * @param method of HTTP
     * @param uri whole
     * @param headers by their names
     * @param body anew for each attempt
     */
    record Request(String method, URI uri, Map<String, String> headers, Supplier<BodyPublisher> body) {
        static Request of(String method, URI uri) {
            return new Request(method, uri, Map.of(), BodyPublishers::noBody);
        }

        Request with(String name, String value) {
            Map<String, String> all = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
            all.putAll(headers);
            all.put(name, value);
            return new Request(method, uri, all, body);
        }

        Request withBody(String mediaType, Supplier<BodyPublisher> content) {
            return new Request(method, uri, headers, content).with("Content-Type", mediaType);
        }

        Request to(URI other, boolean sameHost) {
            Map<String, String> all = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
            all.putAll(headers);
            if (!sameHost) {
                all.remove(AUTHORIZATION);
            }
            return new Request(method, other, all, body);
        }
    }

    /** {@code https}, or {@code http} where the settings say so. */
    String scheme(String host) {
        return settings.of(host).plainHttp() ? "http" : "https";
    }

    /** The answer, of any status but those that pass with time; of these, after the last attempt, an exception. */
    Answer send(Request request) throws IOException {
        for (int attempt = 1; ; attempt++) {
            boolean last = attempt >= retries.attempts();
            Duration delay = retries.delay(attempt + 1);
            try {
                Answer answer = follow(request);
                if (!PASSING.contains(answer.status())) {
                    return answer;
                }
                String complaint = answer.complaint();
                Duration wish = retryAfter(answer);
                if (last || wish.compareTo(retries.longestDelay()) > 0) {
                    throw new RegistryException(
                            answer.status(),
                            request.uri.getAuthority() + " refuses for now: " + complaint
                                    + (wish.isZero() ? "" : "; it asks to come back in " + wish.toSeconds() + " s")
                                    + (last ? "; tried " + attempt + " times" : ""));
                }
                delay = wish.isZero() ? delay : wish;
            } catch (RegistryException told) {
                throw told;
            } catch (IOException failure) {
                if (last || isFinal(failure)) {
                    throw told(request.uri, failure);
                }
            }
            sleep(delay);
        }
    }

    private Answer follow(Request first) throws IOException {
        Request request = first;
        for (int redirects = 0; ; redirects++) {
            Answer answer = once(request);
            String location = answer.header("Location");
            if (!REDIRECTS.contains(answer.status()) || location.isEmpty()) {
                return answer;
            }
            answer.close();
            if (redirects == MAX_REDIRECTS) {
                throw new RegistryException(
                        answer.status(), first.uri.getAuthority() + " redirects more than " + MAX_REDIRECTS + " times");
            }
            request = redirected(request, location, answer.status());
        }
    }

    private Request redirected(Request request, String location, int status) throws RegistryException {
        URI target = resolve(request.uri, location);
        if (target.getScheme().equals("http")
                && request.uri.getScheme().equals("https")
                && !settings.of(target.getAuthority()).plainHttp()) {
            throw new RegistryException(
                    status,
                    request.uri.getAuthority() + " redirects from https to " + JsonValue.printable(target.toString())
                            + ", which is not encrypted; it is followed where the settings say \"plainHttp\" of that host");
        }
        boolean sameHost = target.getScheme().equals(request.uri.getScheme())
                && target.getAuthority().equals(request.uri.getAuthority());
        return request.to(target, sameHost);
    }

    /** Where a {@code Location} leads, which may be relative. */
    static URI resolve(URI from, String location) throws RegistryException {
        try {
            URI target = from.resolve(location);
            boolean web = "https".equals(target.getScheme()) || "http".equals(target.getScheme());
            if (web && target.getHost() != null && target.getUserInfo() == null) {
                return target;
            }
        } catch (IllegalArgumentException noUri) {
            // Said below.
        }
        throw new RegistryException(
                0, from.getAuthority() + " names a location that is no web address: " + JsonValue.printable(location));
    }

    private Answer once(Request request) throws IOException {
        HttpClient client = client(request.uri.getAuthority());
        BodyPublisher body = request.body.get();
        HttpRequest.Builder builder = HttpRequest.newBuilder(request.uri)
                .timeout(HEAD_TIMEOUT.plusSeconds(Math.max(0, body.contentLength()) / SLOWEST_UPLOAD_BYTES_PER_SECOND))
                .header("User-Agent", "lamina")
                .method(request.method, body);
        request.headers.forEach(builder::header);
        try {
            HttpResponse<InputStream> response = client.send(builder.build(), BodyHandlers.ofInputStream());
            return new Answer(response, stalls.watch(response.body()));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("cancelled");
        }
    }

    private HttpClient client(String host) throws IOException {
        HttpClient known = clients.get(host);
        if (known != null) {
            return known;
        }
        synchronized (clients) {
            HttpClient made = clients.get(host);
            if (made == null) {
                made = build(host);
                clients.put(host, made);
            }
            return made;
        }
    }

    /** Version 1.1 of HTTP: each download has a connection of its own, whose window the others do not share. */
    private HttpClient build(String host) throws IOException {
        HttpClient.Builder builder = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(CONNECT_TIMEOUT)
                .proxy(new EnvironmentProxy(System.getenv()));
        if (!settings.of(host).plainHttp()) {
            builder.sslContext(Tls.context(host, settings.of(host)));
        }
        return builder.build();
    }

    private static Duration retryAfter(Answer answer) {
        String text = answer.header("Retry-After").strip();
        if (text.matches("[0-9]{1,9}")) {
            return Duration.ofSeconds(Long.parseLong(text));
        }
        try {
            Instant then = ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME)
                    .toInstant();
            Duration wish = Duration.between(Instant.now(), then);
            return wish.isNegative() ? Duration.ZERO : wish;
        } catch (DateTimeException none) {
            return Duration.ZERO;
        }
    }

    private static boolean isFinal(IOException failure) {
        return (failure instanceof InterruptedIOException
                        && Thread.currentThread().isInterrupted())
                || failure instanceof SSLException
                || cause(failure, UnresolvedAddressException.class) != null
                || cause(failure, UnknownHostException.class) != null;
    }

    private static @Nullable Throwable cause(Throwable failure, Class<? extends Throwable> kind) {
        for (Throwable at = failure; at != null; at = at.getCause()) {
            if (kind.isInstance(at)) {
                return at;
            }
        }
        return null;
    }

    private static IOException told(URI uri, IOException failure) {
        String host = uri.getAuthority();
        if (failure instanceof InterruptedIOException && Thread.currentThread().isInterrupted()) {
            return failure;
        }
        if (cause(failure, UnresolvedAddressException.class) != null
                || cause(failure, UnknownHostException.class) != null) {
            return new RegistryException(host + ": no such host; check the name and this machine's DNS", failure);
        }
        if (failure instanceof SSLException) {
            String said = String.valueOf(failure.getMessage());
            boolean noTls = said.contains("nrecognized SSL message");
            return new RegistryException(
                    noTls
                            ? host + " speaks no TLS; if it is meant to be without, say --plain-http"
                            : host + ": TLS: " + said + "; an authority of your own is named with --ca",
                    failure);
        }
        if (failure instanceof ConnectException) {
            return new RegistryException(
                    host + ": cannot be connected to; is it running, and is the port right?", failure);
        }
        return new RegistryException(host + ": " + failure.getMessage(), failure);
    }

    private static void sleep(Duration delay) throws InterruptedIOException {
        try {
            Thread.sleep(delay);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("cancelled");
        }
    }

    @Override
    public void close() {
        stalls.close();
        clients.values().forEach(HttpClient::shutdownNow);
    }
}
