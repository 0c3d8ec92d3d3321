package io.lamina.host.content;

import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Manifest;
import io.lamina.images.oci.MediaType;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Gives images to other programs: into layouts, and into archives that are both OCI's and Docker's. */
public final class ImageExport {
    private static final int BLOCK_BYTES = 512;
    private static final long LARGEST_OCTAL = 1L << 33;

    private final ContentStore store;
    private final ImageName image;
    private final ImageContent content;

    private ImageExport(ContentStore store, ImageName image, ImageContent content) {
        this.store = store;
        this.image = image;
        this.content = content;
    }

    /** An export of {@code image}, of which all must be here. */
    public static ImageExport of(ContentStore store, ImageName image) throws IOException {
        ImageContent content = ImageContent.of(store, image.target());
        for (Descriptor blob : content.blobs()) {
            if (!store.has(blob.digest())) {
                throw new IOException(image.name() + ": its blob " + blob.digest()
                        + " is not here as the registry had it; pull it whole with 'lamina pull --no-native "
                        + image.name()
                        + "'");
            }
        }
        return new ImageExport(store, image, content);
    }

    /** Puts the image into another layout under {@code tag}. */
    public void toLayout(ContentStore target, String tag) throws IOException {
        for (Descriptor blob : all()) {
            try (InputStream bytes = Files.newInputStream(store.path(blob.digest()))) {
                target.put(blob.digest(), bytes);
            }
        }
        target.name(new ImageName(tag, image.target()));
    }

    /**
     * Writes an uncompressed tar that is an OCI layout, and what {@code docker load} reads beside it. The same image gives
     * the same bytes.
     *
     * @param tag what the layout calls it
     */
    public void toArchive(OutputStream out, String tag) throws IOException {
        entry(out, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}".getBytes(StandardCharsets.UTF_8));
        entry(out, "index.json", ImageName.write(List.of(new ImageName(tag, image.target()))));
        if (MediaType.isManifest(image.target().mediaType())) {
            entry(out, "manifest.json", dockerManifest());
        }
        for (Descriptor blob : all()) {
            header(out, "blobs/sha256/" + blob.digest().hex(), blob.sizeBytes());
            long copied = Files.copy(store.path(blob.digest()), out);
            if (copied != blob.sizeBytes()) {
                throw new IOException(store.path(blob.digest()) + " has " + copied + " bytes, not " + blob.sizeBytes());
            }
            pad(out, copied);
        }
        out.write(new byte[2 * BLOCK_BYTES]);
    }

    private List<Descriptor> all() {
        List<Descriptor> all = new ArrayList<>(content.blobs());
        all.addAll(content.manifests());
        return all;
    }

    private byte[] dockerManifest() throws IOException {
        Manifest manifest = Manifest.parse(store.read(image.target().digest()));
        List<Object> layers = new ArrayList<>();
        manifest.layers()
                .forEach(layer -> layers.add("blobs/sha256/" + layer.digest().hex()));
        return JsonWriter.write(List.of(Map.of(
                "Config",
                "blobs/sha256/" + manifest.config().digest().hex(),
                "RepoTags",
                List.of(image.name()),
                "Layers",
                layers)));
    }

    private static void entry(OutputStream out, String name, byte[] bytes) throws IOException {
        header(out, name, bytes.length);
        out.write(bytes);
        pad(out, bytes.length);
    }

    /** A ustar header (POSIX.1-2017, pax), with GNU's binary size from 8 GiB on. */
    private static void header(OutputStream out, String name, long sizeBytes) throws IOException {
        byte[] block = new byte[BLOCK_BYTES];
        put(block, 0, name);
        put(block, 100, "0000644\0000000000\0000000000\000");
        if (sizeBytes < LARGEST_OCTAL) {
            put(block, 124, String.format("%011o", sizeBytes));
        } else {
            block[124] = (byte) 0x80;
            for (int i = 0; i < Long.BYTES; i++) {
                block[135 - i] = (byte) (sizeBytes >>> (8 * i));
            }
        }
        put(block, 136, "00000000000\000        0");
        put(block, 257, "ustar\00000");
        int sum = 0;
        for (byte value : block) {
            sum += value & 0xff;
        }
        put(block, 148, String.format("%06o\000 ", sum));
        out.write(block);
    }

    private static void put(byte[] block, int offset, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(bytes, 0, block, offset, bytes.length);
    }

    private static void pad(OutputStream out, long sizeBytes) throws IOException {
        out.write(new byte[(int) (-sizeBytes & (BLOCK_BYTES - 1))]);
    }
}
