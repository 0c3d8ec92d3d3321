package io.lamina.images.oci;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where an image is, as users write it: {@code oci:DIR[:TAG]}, {@code oci-archive:FILE[:TAG]} or
 * {@code docker-archive:FILE[:REFERENCE]}, the words of skopeo and podman. The path ends at its first colon.
 */
public sealed interface ImageReference {
    /** A directory with an OCI image layout. */
    record OciLayout(Path directory, Optional<String> tag) implements ImageReference {}

    /** A tar of an OCI image layout, not compressed. */
    record OciArchive(Path file, Optional<String> tag) implements ImageReference {}

    /** What {@code docker save} writes, not compressed. */
    record DockerArchive(Path file, Optional<String> reference) implements ImageReference {}

    /**
     * Reads a reference.
     *
     * @throws IllegalArgumentException if it is none; the message is for the user who wrote it
     */
    static ImageReference parse(String text) {
        String[] parts = text.split(":", 3);
        if (parts.length < 2 || parts[1].isEmpty() || (parts.length == 3 && parts[2].isEmpty())) {
            throw notAReference(text);
        }
        Optional<String> name = parts.length == 3 ? Optional.of(parts[2]) : Optional.empty();
        Path path;
        try {
            path = Path.of(parts[1]);
        } catch (InvalidPathException noPath) {
            throw notAReference(text);
        }
        return switch (parts[0]) {
            case "oci" -> new OciLayout(path, name);
            case "oci-archive" -> new OciArchive(path, name);
            case "docker-archive" -> new DockerArchive(path, name);
            default -> throw notAReference(text);
        };
    }

    /**
     * Opens the image for this machine's platform; see {@link #open(Platform)}.
     *
     * @throws IOException as there
     */
    default StoredImage open() throws IOException {
        return open(Platform.ofThisMachine());
    }

    /**
     * Opens the image and reads its manifest and configuration; layers are read later, by whoever wants them.
     *
     * @param platform which image to take where there is one for each of several
     * @throws IOException if it cannot be read; with {@link io.lamina.images.CorruptImageException} and
     *     {@link io.lamina.images.UnsupportedImageException} for what is wrong with it
     */
    default StoredImage open(Platform platform) throws IOException {
        return switch (this) {
            case OciLayout layout -> {
                if (!Files.isDirectory(layout.directory())) {
                    throw new NoSuchFileException(layout.directory().toString());
                }
                yield new OciImageReader(new ContentFiles.Directory(layout.directory())).open(layout.tag(), platform);
            }
            case OciArchive archive ->
                new OciImageReader(ContentFiles.Archive.index(archive.file())).open(archive.tag(), platform);
            case DockerArchive archive ->
                new DockerArchiveReader(ContentFiles.Archive.index(archive.file())).open(archive.reference());
        };
    }

    private static IllegalArgumentException notAReference(String text) {
        return new IllegalArgumentException("\"" + text
                + "\" is none of oci:DIR[:TAG], oci-archive:FILE[:TAG] and docker-archive:FILE[:REFERENCE]");
    }
}
