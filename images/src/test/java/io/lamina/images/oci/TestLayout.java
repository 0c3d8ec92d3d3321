package io.lamina.images.oci;

import io.lamina.images.json.JsonWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.GZIPOutputStream;

/** Writes OCI layouts, right ones and wrong ones. */
final class TestLayout {
    private final Path root;
    private final List<Object> entries = new ArrayList<>();

    TestLayout(Path root) throws IOException {
        this.root = root;
        Files.createDirectories(root.resolve("blobs/sha256"));
        Files.writeString(root.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
    }

    Path root() {
        return root;
    }

    /** Stores {@code content} and describes it. */
    Map<String, Object> blob(String mediaType, byte[] content) throws IOException {
        Digest digest = Digest.ofContent(content);
        Files.write(path(digest), content);
        Map<String, Object> descriptor = new TreeMap<>();
        descriptor.put("mediaType", mediaType);
        descriptor.put("digest", digest.toString());
        descriptor.put("size", content.length);
        return descriptor;
    }

    Path path(Digest digest) {
        return root.resolve("blobs/sha256").resolve(digest.hex());
    }

    /** An image of gzipped layers, and the descriptor of its manifest. */
    Map<String, Object> image(String architecture, byte[]... tars) throws IOException {
        List<Object> layers = new ArrayList<>();
        List<Object> diffIds = new ArrayList<>();
        for (byte[] tar : tars) {
            layers.add(blob(MediaType.OCI_LAYER_GZIP, gzip(tar)));
            diffIds.add(Digest.ofContent(tar).toString());
        }
        byte[] config = JsonWriter.write(Map.of(
                "os",
                "linux",
                "architecture",
                architecture,
                "config",
                Map.of("Cmd", List.of("/bin/" + architecture)),
                "rootfs",
                Map.of("type", "layers", "diff_ids", diffIds)));
        return manifest(blob(MediaType.OCI_CONFIG, config), layers);
    }

    Map<String, Object> manifest(Map<String, Object> config, List<Object> layers) throws IOException {
        byte[] manifest = JsonWriter.write(
                Map.of("schemaVersion", 2, "mediaType", MediaType.OCI_MANIFEST, "config", config, "layers", layers));
        return blob(MediaType.OCI_MANIFEST, manifest);
    }

    Map<String, Object> index(List<Map<String, Object>> manifests) throws IOException {
        return blob(
                MediaType.OCI_INDEX,
                JsonWriter.write(Map.of("schemaVersion", 2, "mediaType", MediaType.OCI_INDEX, "manifests", manifests)));
    }

    static Map<String, Object> forPlatform(String architecture, Map<String, Object> descriptor) {
        Map<String, Object> result = new TreeMap<>(descriptor);
        result.put("platform", Map.of("os", "linux", "architecture", architecture));
        return result;
    }

    /** Puts {@code descriptor} under {@code tag} into the layout's index. */
    TestLayout tag(String tag, Map<String, Object> descriptor) throws IOException {
        Map<String, Object> entry = new TreeMap<>(descriptor);
        entry.put("annotations", Map.of("org.opencontainers.image.ref.name", tag));
        entries.add(entry);
        Files.write(root.resolve("index.json"), JsonWriter.write(Map.of("schemaVersion", 2, "manifests", entries)));
        return this;
    }

    static byte[] gzip(byte[] content) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(content);
        }
        return out.toByteArray();
    }

    /** A tar of one small file. */
    static byte[] tar(String name, String content) {
        byte[] data = content.getBytes(StandardCharsets.UTF_8);
        byte[] tar = new byte[512 + Math.ceilDiv(data.length, 512) * 512 + 1024];
        put(tar, 0, name);
        put(tar, 100, "0000644\0000000000\0000000000\000");
        put(tar, 124, "%011o\00000000000000\000        0".formatted(data.length));
        put(tar, 257, "ustar\00000");
        int sum = 0;
        for (int i = 0; i < 512; i++) {
            sum += tar[i];
        }
        put(tar, 148, "%06o\000 ".formatted(sum));
        System.arraycopy(data, 0, tar, 512, data.length);
        return tar;
    }

    private static void put(byte[] tar, int offset, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(bytes, 0, tar, offset, bytes.length);
    }
}
