package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * An image index (OCI image-spec v1.1.1, image-index.md): manifests for several platforms, or the entry file of a layout.
 *
 * @param manifests what it lists
 */
public record Index(List<Descriptor> manifests) {
    private static final String DEFAULT_NAME = "latest";
    private static final int LISTED = 20;

    /** Keeps a copy. */
    public Index {
        manifests = List.copyOf(manifests);
    }

    /**
     * Reads an index.
     *
     * @param what name of the document in messages
     */
    public static Index parse(String what, byte[] json) throws CorruptImageException {
        JsonObject index = JsonParser.parse(what, json).object();
        Manifest.checkKind(index, MediaType::isIndex, "layers");
        JsonValue manifests = index.optional("manifests");
        return new Index(manifests == null ? List.of() : Descriptor.parseAll(manifests));
    }

    /**
     * The entry of a layout that {@code name} means; without a name the only entry, or the one named {@code latest}.
     * Entries of one name count as one when they have the same content, and for several platforms the machine's counts.
     */
    Descriptor named(String what, Optional<String> name, Platform machine)
            throws CorruptImageException, UnsupportedImageException {
        List<Descriptor> found = name.isPresent() ? withName(name.get()) : manifests;
        if (found.isEmpty()) {
            throw new CorruptImageException(
                    what,
                    name.isPresent() ? "has no image named " + shown(name.get()) + ", it has " + names() : "is empty");
        }
        if (name.isEmpty() && !isOneContent(found) && !withName(DEFAULT_NAME).isEmpty()) {
            found = withName(DEFAULT_NAME);
        }
        if (isOneContent(found)) {
            return found.getFirst();
        }
        if (found.stream().allMatch(descriptor -> descriptor.platform() != null)) {
            return new Index(found).forPlatform(what, machine);
        }
        throw new CorruptImageException(what, "has several images and needs the name of one: " + names());
    }

    /**
     * The entry that runs on {@code machine}, the first one if there are several.
     *
     * @param what name of the document in messages
     */
    public Descriptor forPlatform(String what, Platform machine)
            throws CorruptImageException, UnsupportedImageException {
        for (Descriptor descriptor : manifests) {
            Platform platform = descriptor.platform();
            if (platform != null && platform.runsOn(machine)) {
                return descriptor;
            }
        }
        if (manifests.size() == 1 && manifests.getFirst().platform() == null) {
            return manifests.getFirst();
        }
        String there = manifests.stream()
                .limit(LISTED)
                .map(descriptor -> descriptor.platform() == null
                        ? "unnamed"
                        : shown(descriptor.platform().toString()))
                .collect(Collectors.joining(", "));
        throw new UnsupportedImageException(
                what, "no image for " + machine + ", it has " + (there.isEmpty() ? "none" : there));
    }

    private List<Descriptor> withName(String name) {
        return manifests.stream()
                .filter(descriptor -> descriptor.names().contains(name))
                .toList();
    }

    private static boolean isOneContent(List<Descriptor> descriptors) {
        return descriptors.stream().map(Descriptor::digest).distinct().count() == 1;
    }

    private String names() {
        TreeSet<String> names = new TreeSet<>();
        manifests.forEach(descriptor -> names.addAll(descriptor.names()));
        return names.isEmpty()
                ? "no names"
                : names.stream().limit(LISTED).map(Index::shown).collect(Collectors.joining(", "));
    }

    private static String shown(String text) {
        return JsonValue.printable(text);
    }
}
