package io.lamina.host.registry;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * How each registry is reached. A file of one JSON object:
 *
 * <pre>
 * {"registries": {"docker.io": {"mirrors": ["mirror.example:5000/hub"]},
 *                 "mirror.example:5000": {"ca": "/etc/lamina/mirror-ca.pem"},
 *                 "127.0.0.1:5000": {"plainHttp": true}}}
 * </pre>
 *
 * @param hosts what is said of hosts; nothing is said of most
 */
public record RegistrySettings(Map<String, Host> hosts) {
    /** Nothing is said of any host. */
    public static final RegistrySettings NONE = new RegistrySettings(Map.of());

    /**
     * What is said of one host.
     *
     * @param mirrors asked first, in their order: {@code HOST[:PORT][/PATH]}, PATH being put before the repository
     * @param plainHttp whether it is spoken to without TLS
     * @param skipVerify whether its certificate is believed whatever it is
     * @param authority certificates in PEM that are trusted beside the system's
     */
    public record Host(List<String> mirrors, boolean plainHttp, boolean skipVerify, Optional<Path> authority) {
        /** As hosts are unless something is said. */
        public static final Host DEFAULT = new Host(List.of(), false, false, Optional.empty());

        /** Keeps a copy. */
        public Host {
            mirrors = List.copyOf(mirrors);
        }

        /** The same, without TLS. */
        public Host withPlainHttp() {
            return new Host(mirrors, true, skipVerify, authority);
        }

        /** The same, with any certificate. */
        public Host withSkipVerify() {
            return new Host(mirrors, plainHttp, true, authority);
        }

        /** The same, with this authority. */
        public Host withAuthority(Path pem) {
            return new Host(mirrors, plainHttp, skipVerify, Optional.of(pem));
        }
    }

    /** Keeps a copy. */
    public RegistrySettings {
        hosts = Map.copyOf(hosts);
    }

    /** What is said of {@code host}. */
    public Host of(String host) {
        return hosts.getOrDefault(host, Host.DEFAULT);
    }

    /** The same, but for one host. */
    public RegistrySettings with(String host, UnaryOperator<Host> change) {
        Map<String, Host> all = new LinkedHashMap<>(hosts);
        all.put(host, change.apply(of(host)));
        return new RegistrySettings(all);
    }

    /** Reads a file. Unknown members are refused: a misspelt one would be a setting that does not hold. */
    public static RegistrySettings read(Path file) throws IOException {
        if (Files.size(file) > JsonParser.MAX_TEXT_BYTES) {
            throw new CorruptImageException(file.toString(), "is larger than any configuration");
        }
        JsonObject all =
                JsonParser.parse(file.toString(), Files.readAllBytes(file)).object();
        all.refuseUnknown(Set.of("registries"));
        JsonObject named = all.required("registries").object();
        Map<String, Host> hosts = new LinkedHashMap<>();
        for (String name : named.names()) {
            hosts.put(name, host(named.required(name).object()));
        }
        return new RegistrySettings(hosts);
    }

    private static Host host(JsonObject members) throws CorruptImageException {
        members.refuseUnknown(Set.of("mirrors", "plainHttp", "skipVerify", "ca"));
        List<String> mirrors = new ArrayList<>();
        for (JsonValue mirror : members.array("mirrors")) {
            if (mirror.string().contains("://") || mirror.string().endsWith("/")) {
                throw mirror.broken("is no HOST[:PORT][/PATH]");
            }
            mirrors.add(mirror.string());
        }
        String authority = members.string("ca", "");
        return new Host(
                mirrors,
                isTrue(members, "plainHttp"),
                isTrue(members, "skipVerify"),
                authority.isEmpty() ? Optional.empty() : Optional.of(Path.of(authority)));
    }

    private static boolean isTrue(JsonObject members, String name) throws CorruptImageException {
        JsonValue value = members.optional(name);
        return value != null && value.bool();
    }
}
