package io.lamina.vmtests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The image of {@code lamina quickstart}, made when it is first asked for. */
final class DemoImage {
    private DemoImage() {}

    static Path in(LaminaCommand lamina) throws IOException, InterruptedException {
        Path layout = lamina.home().resolve("demo-image");
        if (Files.notExists(layout)) {
            Files.createDirectories(lamina.home());
            LaminaCommand.tool(Path.of("../scripts/demo-image").toString(), layout.toString());
        }
        return layout;
    }
}
