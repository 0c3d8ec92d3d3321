package io.lamina.images.oracle;

import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** An OCI layout of given layers, and what umoci unpacks of it. */
public final class UmociImage {
    private static final String TAG = "test";

    private final Path layout;

    private UmociImage(Path layout) {
        this.layout = layout;
    }

    /**
     * Writes an OCI layout (image-spec, image-layout.md) with the one image that these uncompressed tars are.
     *
     * @param layers base first
     */
    public static UmociImage write(Path layout, List<byte[]> layers) throws IOException {
        Files.createDirectories(layout.resolve("blobs/sha256"));
        UmociImage image = new UmociImage(layout);
        List<String> descriptors = new ArrayList<>();
        List<String> diffIds = new ArrayList<>();
        for (byte[] layer : layers) {
            descriptors.add(image.blob("application/vnd.oci.image.layer.v1.tar", layer, ""));
            diffIds.add("\"" + Digest.ofContent(layer) + "\"");
        }
        String config = image.blob(
                "application/vnd.oci.image.config.v1+json",
                """
                {"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[%s]}}""".formatted(String.join(",", diffIds)).getBytes(StandardCharsets.UTF_8),
                "");
        String manifest = image.blob(
                "application/vnd.oci.image.manifest.v1+json",
                """
                {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}""".formatted(config, descriptors.stream().collect(Collectors.joining(",")))
                        .getBytes(StandardCharsets.UTF_8),
                ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" + TAG + "\"}");
        Files.writeString(layout.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
        Files.writeString(layout.resolve("index.json"), "{\"schemaVersion\":2,\"manifests\":[" + manifest + "]}");
        return image;
    }

    /**
     * Unpacks the image into {@code rootfs}, layer by layer, as umoci does.
     *
     * @throws IOException if umoci fails
     */
    public void unpack(Path rootfs) throws IOException {
        unpack(layout, TAG, rootfs);
    }

    /** Unpacks the image {@code tag} of any layout into {@code rootfs}. */
    public static void unpack(Path layout, String tag, Path rootfs) throws IOException {
        Command.run("umoci", "raw", "unpack", "--image", layout + ":" + tag, rootfs.toString());
    }

    private String blob(String mediaType, byte[] content, String more) throws IOException {
        Digest digest = Digest.ofContent(content);
        Files.write(layout.resolve("blobs/sha256").resolve(digest.hex()), content);
        return "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d%s}"
                .formatted(mediaType, digest, content.length, more);
    }
}
