package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.MediaType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** An OCI layout with one image, {@code v1}, whose layers GNU tar makes of directories. */
final class TestImage {
    private TestImage() {}

    /** @param trees base first; the tars are written beside them */
    static void write(Path layout, Path... trees) throws IOException, InterruptedException {
        ContentStore content = ContentStore.open(layout);
        List<Object> layers = new ArrayList<>();
        List<Object> diffIds = new ArrayList<>();
        for (Path tree : trees) {
            Path tar = tree.resolveSibling(tree.getFileName() + ".tar");
            Shell.run("tar", "-C", tree.toString(), "-cf", tar.toString(), ".");
            layers.add(put(content, MediaType.OCI_LAYER_TAR, Files.readAllBytes(tar)));
            diffIds.add(Digest.ofContent(Files.readAllBytes(tar)).toString());
        }
        byte[] config = JsonWriter.write(Map.of(
                "os", "linux", "architecture", "amd64", "rootfs", Map.of("type", "layers", "diff_ids", diffIds)));
        byte[] manifest = JsonWriter.write(Map.of(
                "schemaVersion",
                2,
                "mediaType",
                MediaType.OCI_MANIFEST,
                "config",
                put(content, MediaType.OCI_CONFIG, config),
                "layers",
                layers));
        Digest _ = content.put(manifest);
        content.name(ImageName.of("v1", MediaType.OCI_MANIFEST, manifest));
    }

    private static Map<String, Object> put(ContentStore content, String mediaType, byte[] bytes) throws IOException {
        return Map.of("mediaType", mediaType, "digest", content.put(bytes).toString(), "size", bytes.length);
    }
}
