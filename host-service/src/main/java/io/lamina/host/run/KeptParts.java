package io.lamina.host.run;

import io.lamina.host.flatten.FlattenedImage;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.shim.qemu.QemuMachine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;

/** The parts of a run that {@code --keep} leaves in a directory; without it, nothing is written. */
final class KeptParts {
    private final Optional<Path> directory;

    private KeptParts(Optional<Path> directory) {
        this.directory = directory;
    }

    static KeptParts in(Optional<Path> directory) throws IOException {
        if (directory.isPresent()) {
            Files.createDirectories(directory.get());
        }
        return new KeptParts(directory);
    }

    void image(FlattenedImage image, FlattenedDevice served, byte[] envelope) throws IOException {
        if (directory.isPresent()) {
            Files.write(directory.get().resolve("statement.json"), envelope);
            Files.writeString(directory.get().resolve("extents.txt"), served.list());
            Files.copy(
                    image.fsmeta().path(),
                    directory.get().resolve("fsmeta.erofs"),
                    StandardCopyOption.REPLACE_EXISTING);
        }
    }

    void machine(Path program, QemuMachine machine) throws IOException {
        if (directory.isPresent()) {
            Files.writeString(
                    directory.get().resolve("qemu.txt"),
                    program + "\n" + String.join("\n", machine.arguments()) + "\n");
        }
    }

    void console(String tail) throws IOException {
        if (directory.isPresent()) {
            Files.writeString(directory.get().resolve("console.txt"), tail + "\n");
        }
    }
}
