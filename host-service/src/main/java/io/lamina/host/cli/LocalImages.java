package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import io.lamina.host.registry.RemoteName;
import io.lamina.host.run.Installation;
import io.lamina.images.oci.ImageReference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/** The images of this machine by their names, as commands mean them. */
final class LocalImages {
    private LocalImages() {}

    /** Where they are: an OCI image layout in Lamina's home. */
    static Path root() {
        return Installation.current().home().resolve("images");
    }

    static ContentStore open() throws IOException {
        return ContentStore.open(root());
    }

    /** The image that a user means: by its whole name, or the short one that Docker takes. */
    static ImageName get(ContentStore images, String text) throws IOException {
        Optional<ImageName> found = images.find(text);
        if (found.isEmpty()) {
            found = images.find(fullName(text));
        }
        return found.orElseThrow(() -> new NoSuchFileException(
                text + ": no such image here; 'lamina images' lists them, 'lamina pull " + text + "' brings one. "));
    }

    private static String fullName(String text) {
        try {
            return RemoteName.parse(text).toString();
        } catch (IllegalArgumentException noName) {
            return text;
        }
    }

    /**
     * What commands that read an image are given: a place in words of {@link ImageReference}, or the name of an image here.
     *
     * @throws IllegalArgumentException if it is neither
     */
    static String reference(String text) throws IOException {
        IllegalArgumentException none;
        try {
            ImageReference.parse(text);
            return text;
        } catch (IllegalArgumentException noPlace) {
            none = noPlace;
        }
        if (Files.exists(root())) {
            for (String name : new String[] {text, fullName(text)}) {
                if (open().find(name).isPresent()) {
                    return "oci:" + root() + ":" + name;
                }
            }
        }
        throw new IllegalArgumentException(
                none.getMessage() + ", and no image of this machine; 'lamina pull " + text
                        + "' brings one from a registry",
                none);
    }
}
