package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Opens images of {@code docker save} (moby, image/tarexport: {@code manifest.json}), both as Docker wrote them before
 * version 25, with {@code ID/layer.tar}, and since, with {@code blobs/sha256/DIGEST}.
 *
 * <p>Such an archive has no manifest of OCI's. The manifest digest is that of one that we make: the configuration's
 * descriptor, and for each layer a descriptor of its uncompressed tar without a size, written by {@link JsonWriter}. It
 * depends on the image alone, and not on how an archive stores its layers.
 */
final class DockerArchiveReader {
    private static final String BLOBS = "blobs/sha256/";
    private static final String JSON_SUFFIX = ".json";
    private static final int MAGIC_BYTES = 4;

    private final ContentFiles files;

    DockerArchiveReader(ContentFiles files) {
        this.files = files;
    }

    /** The image that has {@code reference} among its tags, or the only one. */
    StoredImage open(Optional<String> reference) throws IOException {
        JsonValue images = JsonParser.parse(
                files.what() + " manifest.json", files.get("manifest.json").readAll(JsonParser.MAX_TEXT_BYTES));
        JsonObject image = choose(images, reference);
        byte[] configBytes = readConfig(image.required("Config"));
        List<Digest> diffIds = ImageConfig.parse(configBytes).diffIds();
        List<JsonValue> names = image.array("Layers");
        if (names.size() != diffIds.size()) {
            throw new CorruptImageException(
                    image.where(), "has " + names.size() + " layers and " + diffIds.size() + " diffIDs");
        }
        List<Descriptor> descriptors = new ArrayList<>();
        List<StoredFile> layerFiles = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            StoredFile file = files.get(names.get(i).string());
            layerFiles.add(file);
            descriptors.add(describe(names.get(i).string(), file, diffIds.get(i)));
        }
        return StoredImage.of(madeUpManifest(configBytes, diffIds), new byte[0], configBytes, descriptors, layerFiles);
    }

    private static JsonObject choose(JsonValue images, Optional<String> reference) throws CorruptImageException {
        TreeSet<String> tags = new TreeSet<>();
        List<JsonValue> all = images.array();
        for (JsonValue image : all) {
            List<String> own = image.object().strings("RepoTags");
            if (reference.isPresent() && (own.contains(reference.get()) || own.contains(reference.get() + ":latest"))) {
                return image.object();
            }
            tags.addAll(own);
        }
        if (reference.isEmpty() && all.size() == 1) {
            return all.getFirst().object();
        }
        String there = all.isEmpty() ? "none" : JsonValue.printable(String.join(", ", tags));
        throw images.broken(
                reference.isPresent()
                        ? "has no image " + JsonValue.printable(reference.get()) + ", it has " + there
                        : "has " + all.size() + " images and needs the reference of one: " + there);
    }

    /** Its name is its digest, in both layouts. */
    private byte[] readConfig(JsonValue name) throws IOException {
        String path = name.string();
        byte[] content = files.get(path).readAll(JsonParser.MAX_TEXT_BYTES);
        String hex = path.startsWith(BLOBS)
                ? path.substring(BLOBS.length())
                : path.endsWith(JSON_SUFFIX) ? path.substring(0, path.length() - JSON_SUFFIX.length()) : path;
        Digest found = Digest.ofContent(content);
        if (!found.hex().equals(hex)) {
            throw name.broken(
                    "names a file with the digest " + found + ", not that of its name " + JsonValue.printable(hex));
        }
        return content;
    }

    private static Descriptor describe(String path, StoredFile file, Digest diffId) throws IOException {
        byte[] first;
        try (InputStream in = file.open()) {
            first = in.readNBytes(MAGIC_BYTES);
        }
        Compression compression = Compression.ofFirstBytes(first);
        Digest digest;
        if (path.startsWith(BLOBS)) {
            digest = Digest.parse("sha256:" + path.substring(BLOBS.length()));
        } else if (compression == Compression.NONE) {
            digest = diffId;
        } else {
            throw new UnsupportedImageException(
                    file.name(), "a compressed layer in an archive that names no digest for it");
        }
        return new Descriptor(compression.layerMediaType(), digest, file.sizeBytes(), null, List.of());
    }

    private static Digest madeUpManifest(byte[] configBytes, List<Digest> diffIds) {
        List<Object> layers = new ArrayList<>();
        for (Digest diffId : diffIds) {
            layers.add(Map.of("mediaType", MediaType.OCI_LAYER_TAR, "digest", diffId.toString()));
        }
        Map<String, Object> config = Map.of(
                "mediaType", MediaType.OCI_CONFIG,
                "digest", Digest.ofContent(configBytes).toString(),
                "size", configBytes.length);
        return Digest.ofContent(JsonWriter.write(
                Map.of("schemaVersion", 2, "mediaType", MediaType.OCI_MANIFEST, "config", config, "layers", layers)));
    }
}
