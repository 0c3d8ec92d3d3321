package io.lamina.host.registry;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The name of an image in a registry, as Docker and containerd write it: {@code [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]}.
 * Without a host it is Docker Hub's, and a repository of one word there is below {@code library/}; without tag and digest
 * it is {@code latest}.
 *
 * @param host registry, with its port where one is said
 * @param repository path within the registry
 * @param tag a name for a manifest; absent only where there is a digest
 * @param digest of the manifest or index; where it is there, it counts and not the tag
 */
public record RemoteName(String host, String repository, Optional<String> tag, Optional<Digest> digest) {
    /** What images without a host are of. */
    public static final String DOCKER_HUB = "docker.io";

    private static final String DEFAULT_TAG = "latest";
    private static final int MAX_REPOSITORY_CHARACTERS = 255;
    private static final Pattern HOST = Pattern.compile(
            "(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\\[[0-9A-Fa-f:]{2,39}\\])(?::[0-9]{1,5})?");
    private static final Pattern COMPONENT = Pattern.compile("[a-z0-9]++(?:(?:\\.|__?|-+)[a-z0-9]++)*+");
    private static final Pattern TAG = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}");

    /**
     * Reads a name.
     *
     * @throws IllegalArgumentException if it is none; the message is for the user who wrote it
     */
    public static RemoteName parse(String text) {
        String rest = text;
        Optional<Digest> digest = Optional.empty();
        int at = rest.indexOf('@');
        if (at >= 0) {
            try {
                digest = Optional.of(Digest.parse(rest.substring(at + 1)));
            } catch (CorruptImageException none) {
                throw new IllegalArgumentException(none.getMessage(), none);
            }
            rest = rest.substring(0, at);
        }
        Optional<String> tag = Optional.empty();
        int colon = rest.lastIndexOf(':');
        if (colon > rest.lastIndexOf('/')) {
            tag = Optional.of(rest.substring(colon + 1));
            rest = rest.substring(0, colon);
        }
        int slash = rest.indexOf('/');
        String first = slash < 0 ? "" : rest.substring(0, slash);
        boolean hasHost = first.indexOf('.') >= 0 || first.indexOf(':') >= 0 || first.equals("localhost");
        String host = hasHost ? first : DOCKER_HUB;
        String repository = hasHost ? rest.substring(slash + 1) : rest;
        if (host.equals("index.docker.io")) {
            host = DOCKER_HUB;
        }
        if (host.equals(DOCKER_HUB) && repository.indexOf('/') < 0) {
            repository = "library/" + repository;
        }
        if (tag.isEmpty() && digest.isEmpty()) {
            tag = Optional.of(DEFAULT_TAG);
        }
        if (!HOST.matcher(host).matches() || !isRepository(repository) || !isTag(tag)) {
            throw new IllegalArgumentException("\"" + text
                    + "\" is no image of a registry, such as debian:12 or registry.example:5000/team/app:1.2; "
                    + "repositories are in lower case");
        }
        return new RemoteName(host, repository, tag, digest);
    }

    private static boolean isTag(Optional<String> tag) {
        return tag.isEmpty() || TAG.matcher(tag.get()).matches();
    }

    private static boolean isRepository(String path) {
        if (path.length() > MAX_REPOSITORY_CHARACTERS) {
            return false;
        }
        for (String component : path.split("/", -1)) {
            Matcher matcher = COMPONENT.matcher(component);
            if (!matcher.matches()) {
                return false;
            }
        }
        return true;
    }

    /** What manifests are asked for by: the digest, or else the tag. */
    public String reference() {
        return digest.map(Digest::toString).orElseGet(() -> tag.orElse(DEFAULT_TAG));
    }

    /** The same repository, another tag. */
    public RemoteName withTag(String otherTag) {
        return new RemoteName(host, repository, Optional.of(otherTag), Optional.empty());
    }

    /** The same repository, one manifest. */
    public RemoteName withDigest(Digest manifest) {
        return new RemoteName(host, repository, Optional.empty(), Optional.of(manifest));
    }

    /** The whole name, nothing left out. */
    @Override
    public String toString() {
        return host + "/" + repository + tag.map(name -> ":" + name).orElse("")
                + digest.map(value -> "@" + value).orElse("");
    }
}
