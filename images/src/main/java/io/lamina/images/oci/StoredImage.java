package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import java.util.ArrayList;
import java.util.List;

/** An image that was found: its configuration, read and verified, and its layers, to be read. */
public final class StoredImage {
    private final Digest manifestDigest;
    private final byte[] manifestBytes;
    private final byte[] configBytes;
    private final ImageConfig config;
    private final List<StoredLayer> layers;

    private StoredImage(
            Digest manifestDigest,
            byte[] manifestBytes,
            byte[] configBytes,
            ImageConfig config,
            List<StoredLayer> layers) {
        this.manifestDigest = manifestDigest;
        this.manifestBytes = manifestBytes;
        this.configBytes = configBytes;
        this.config = config;
        this.layers = List.copyOf(layers);
    }

    /** Puts an image together; {@code descriptors} and {@code files} go with the configuration's diffIDs one by one. */
    static StoredImage of(
            Digest manifestDigest,
            byte[] manifestBytes,
            byte[] configBytes,
            List<Descriptor> descriptors,
            List<StoredFile> files)
            throws CorruptImageException {
        ImageConfig config = ImageConfig.parse(configBytes);
        List<Digest> diffIds = config.diffIds();
        if (diffIds.size() != descriptors.size()) {
            throw new CorruptImageException(
                    "image " + manifestDigest,
                    "has " + descriptors.size() + " layers and " + diffIds.size() + " diffIDs");
        }
        List<StoredLayer> layers = new ArrayList<>();
        for (int i = 0; i < diffIds.size(); i++) {
            layers.add(new StoredLayer(descriptors.get(i), diffIds.get(i), files.get(i)));
        }
        return new StoredImage(manifestDigest, manifestBytes, configBytes, config, layers);
    }

    /** Digest of the manifest; for a {@code docker-archive}, which has none, the digest of one made from the configuration and diffIDs alone. */
    public Digest manifestDigest() {
        return manifestDigest;
    }

    /** The manifest, byte by byte; empty for a {@code docker-archive}, which has none. */
    public byte[] manifestBytes() {
        return manifestBytes.clone();
    }

    /** Digest of the configuration. */
    public Digest configDigest() {
        return Digest.ofContent(configBytes);
    }

    /** The configuration, byte by byte. */
    public byte[] configBytes() {
        return configBytes.clone();
    }

    /** The configuration, read. */
    public ImageConfig config() {
        return config;
    }

    /** The layers, base first. */
    public List<StoredLayer> layers() {
        return layers;
    }
}
