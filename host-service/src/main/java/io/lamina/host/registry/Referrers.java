package io.lamina.host.registry;

import io.lamina.host.registry.Exchange.Request;
import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.MediaType;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Manifests that say of another one that it is their subject (distribution-spec v1.1.1, "Listing Referrers"): by the
 * registry's own list, or where it keeps none by an index under the tag {@code sha256-HEX}.
 */
public final class Referrers {
    private static final int MAX_PAGES = 20;
    private static final int MAX_REFERRERS = 1000;
    private static final int ATTEMPTS = 3;

    private final Repository repository;

    public Referrers(Repository repository) {
        this.repository = repository;
    }

    /**
     * One of them.
     *
     * @param descriptor of the manifest that refers
     * @param artifactType what it is
     * @param annotations of the manifest
     */
    public record Referrer(Descriptor descriptor, String artifactType, Map<String, String> annotations) {
        /** Keeps a copy. */
        public Referrer {
            annotations = Map.copyOf(annotations);
        }
    }

    /** Those of {@code subject} that are of {@code artifactType}; at most 1,000 are looked at. */
    public List<Referrer> list(Digest subject, String artifactType) throws IOException {
        List<Referrer> all = new ArrayList<>();
        Request request = repository.request("GET", "/referrers/" + subject);
        for (int page = 0; page < MAX_PAGES && all.size() < MAX_REFERRERS; page++) {
            try (Answer answer = repository.send(repository.pullScope(), request)) {
                boolean known = answer.status() == 200
                        && MediaType.OCI_INDEX.equals(answer.header("Content-Type")
                                .replaceFirst(";.*$", "")
                                .strip());
                if (!known) {
                    all.addAll(byTag(subject));
                    break;
                }
                String what = "referrers of " + subject;
                all.addAll(parse(what, answer.bytes(what, Repository.MAX_MANIFEST_BYTES)));
                Optional<Request> next = repository.nextPage(answer);
                if (next.isEmpty()) {
                    break;
                }
                request = next.get();
            }
        }
        return all.stream()
                .filter(referrer -> referrer.artifactType.equals(artifactType))
                .limit(MAX_REFERRERS)
                .toList();
    }

    /**
     * Puts a manifest that has {@code subject} as its subject.
     *
     * @param referrer describes it
     * @param tag what it is named as well
     */
    public void put(Digest subject, Referrer referrer, byte[] manifest, Optional<String> tag) throws IOException {
        boolean noted = repository.putManifest(
                referrer.descriptor.digest().toString(), referrer.descriptor.mediaType(), manifest);
        if (tag.isPresent()) {
            noted |= repository.putManifest(tag.get(), referrer.descriptor.mediaType(), manifest);
        }
        if (!noted) {
            noteByTag(subject, referrer);
        }
    }

    private List<Referrer> byTag(Digest subject) throws IOException {
        Optional<FetchedManifest> index = repository.manifest(tag(subject));
        if (index.isEmpty() || !MediaType.isIndex(index.get().mediaType())) {
            return List.of();
        }
        return parse("referrers of " + subject, index.get().bytes());
    }

    /** Others may write the same index at the same time: it is read again, and written again where ours was lost. */
    private void noteByTag(Digest subject, Referrer referrer) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            List<Referrer> all = new ArrayList<>(byTag(subject));
            if (all.stream().anyMatch(known -> known.descriptor.digest().equals(referrer.descriptor.digest()))) {
                return;
            }
            all.add(referrer);
            boolean _ = repository.putManifest(tag(subject), MediaType.OCI_INDEX, write(all));
        }
    }

    private static String tag(Digest subject) {
        return "sha256-" + subject.hex();
    }

    private static byte[] write(List<Referrer> all) {
        List<Object> manifests = new ArrayList<>();
        for (Referrer referrer : all) {
            Map<String, Object> entry = new TreeMap<>();
            entry.put("mediaType", referrer.descriptor.mediaType());
            entry.put("digest", referrer.descriptor.digest().toString());
            entry.put("size", referrer.descriptor.sizeBytes());
            entry.put("artifactType", referrer.artifactType);
            if (!referrer.annotations.isEmpty()) {
                entry.put("annotations", referrer.annotations);
            }
            manifests.add(entry);
        }
        return JsonWriter.write(Map.of("schemaVersion", 2, "mediaType", MediaType.OCI_INDEX, "manifests", manifests));
    }

    private static List<Referrer> parse(String what, byte[] index) throws CorruptImageException {
        List<Referrer> all = new ArrayList<>();
        for (JsonValue value : JsonParser.parse(what, index).object().array("manifests")) {
            JsonObject entry = value.object();
            Map<String, String> annotations = new HashMap<>();
            JsonValue given = entry.optional("annotations");
            if (given != null) {
                for (String name : given.object().names()) {
                    annotations.put(name, given.object().string(name, ""));
                }
            }
            all.add(new Referrer(Descriptor.parse(value), entry.string("artifactType", ""), annotations));
        }
        return all;
    }
}
