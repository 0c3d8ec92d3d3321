package io.lamina.host.registry;

import io.lamina.host.registry.Exchange.Request;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Speaks to registries. Any thread may call; one client is enough for a program, and keeps its connections and tokens. */
public final class RegistryClient implements AutoCloseable {
    private static final Duration LONGEST_STALL = Duration.ofSeconds(60);
    private static final String HUB_API = "registry-1.docker.io";

    private final RegistrySettings settings;
    private final CredentialSource credentials;
    private final Exchange exchange;
    private final Authorizer authorizer;

    public RegistryClient(RegistrySettings settings, CredentialSource credentials) {
        this(settings, credentials, RetryPolicy.DEFAULT, LONGEST_STALL);
    }

    /** @param longestStall how long a body may bring nothing */
    RegistryClient(
            RegistrySettings settings, CredentialSource credentials, RetryPolicy retries, Duration longestStall) {
        this.settings = settings;
        this.credentials = credentials;
        this.exchange = new Exchange(settings, retries, longestStall);
        this.authorizer = new Authorizer(exchange, credentials);
    }

    /** The repository of {@code name} at its own registry. */
    public Repository repository(RemoteName name) {
        return new Repository(this, name.host(), name.repository());
    }

    /** Where to read {@code name} from, in the order to try: mirrors, then its own registry. */
    public List<Repository> sources(RemoteName name) {
        List<Repository> sources = new ArrayList<>();
        for (String mirror : settings.of(name.host()).mirrors()) {
            int slash = mirror.indexOf('/');
            String host = slash < 0 ? mirror : mirror.substring(0, slash);
            String prefix = slash < 0 ? "" : mirror.substring(slash + 1) + "/";
            sources.add(new Repository(this, host, prefix + name.repository()));
        }
        sources.add(repository(name));
        return sources;
    }

    /** An address within a host's API. */
    URI uri(String host, String pathAndQuery) {
        String server = host.equals(RemoteName.DOCKER_HUB) ? HUB_API : host;
        return URI.create(exchange.scheme(host) + "://" + server + pathAndQuery);
    }

    /**
     * Sends a request, proving who asks where the registry wants to know.
     *
     * @param host whose credentials count; they are shown to no other, wherever {@code request} goes
     * @param scope what the request is about, in the words of token servers
     */
    Answer send(String host, String scope, Request request) throws IOException {
        boolean own = request.uri().getAuthority().equals(uri(host, "/").getAuthority());
        Optional<String> known = own ? authorizer.known(host, scope) : Optional.empty();
        Answer answer = exchange.send(known.isPresent() ? request.with("Authorization", known.get()) : request);
        if (answer.status() != 401 || !own) {
            return answer;
        }
        Optional<String> proof = authorizer.answer(host, scope, answer.headers("WWW-Authenticate"));
        String complaint = answer.complaint();
        if (proof.isEmpty()) {
            throw new RegistryException(
                    401,
                    host + " wants to know who asks: " + complaint + "; no usable credentials in " + credentials
                            + "; log in with 'docker login " + host + "'");
        }
        Answer second = exchange.send(request.with("Authorization", proof.get()));
        if (second.status() == 401) {
            throw new RegistryException(
                    401,
                    host + " does not accept the credentials: " + second.complaint()
                            + "; log in again with 'docker login " + host + "'");
        }
        return second;
    }

    @Override
    public void close() {
        exchange.close();
    }
}
