package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Opens images of an OCI image layout (OCI image-spec v1.1.1, image-layout.md). */
final class OciImageReader {
    private static final int MAX_INDEX_DEPTH = 4;
    private static final String LAYOUT_VERSION = "1.0.0";

    private final ContentFiles files;

    OciImageReader(ContentFiles files) {
        this.files = files;
    }

    /** The image that {@code name} means, or the only one; of several platforms the one for {@code machine}. */
    StoredImage open(Optional<String> name, Platform machine) throws IOException {
        checkVersion();
        String what = files.what();
        Index entries =
                Index.parse(what + " index.json", files.get("index.json").readAll(JsonParser.MAX_TEXT_BYTES));
        Descriptor descriptor = entries.named(what, name, machine);
        for (int depth = 0; MediaType.isIndex(descriptor.mediaType()); depth++) {
            if (depth == MAX_INDEX_DEPTH) {
                throw new CorruptImageException(
                        what, "has more than " + MAX_INDEX_DEPTH + " indexes within each other");
            }
            String index = "index " + descriptor.digest();
            descriptor = Index.parse(index, read(descriptor)).forPlatform(index, machine);
        }
        if (!MediaType.isManifest(descriptor.mediaType())) {
            throw new UnsupportedImageException(
                    what,
                    descriptor.digest() + " of the media type " + JsonValue.printable(descriptor.mediaType())
                            + ", which is no image manifest");
        }
        byte[] manifestBytes = read(descriptor);
        Manifest manifest = Manifest.parse(manifestBytes);
        List<StoredFile> layerFiles = new ArrayList<>();
        for (Descriptor layer : manifest.layers()) {
            layerFiles.add(files.layer(layer.digest(), layer.sizeBytes()));
        }
        return StoredImage.of(
                descriptor.digest(), manifestBytes, read(manifest.config()), manifest.layers(), layerFiles);
    }

    private void checkVersion() throws IOException {
        JsonValue version = JsonParser.parse(
                        files.what() + " oci-layout", files.get("oci-layout").readAll(JsonParser.MAX_TEXT_BYTES))
                .object()
                .required("imageLayoutVersion");
        if (!version.string().equals(LAYOUT_VERSION)) {
            throw new UnsupportedImageException(
                    files.what(),
                    "layout version " + JsonValue.printable(version.string()) + ", not " + LAYOUT_VERSION);
        }
    }

    /** A document that is small, whole and the right one. */
    private byte[] read(Descriptor descriptor) throws IOException {
        StoredFile blob = files.blob(descriptor.digest());
        if (blob.sizeBytes() != descriptor.sizeBytes()) {
            throw new CorruptImageException(
                    blob.name(), "has " + blob.sizeBytes() + " bytes, its descriptor says " + descriptor.sizeBytes());
        }
        byte[] content = blob.readAll(JsonParser.MAX_TEXT_BYTES);
        Digest found = Digest.ofContent(content);
        if (!found.equals(descriptor.digest())) {
            throw new CorruptImageException(blob.name(), "has the digest " + found);
        }
        return content;
    }
}
