package io.lamina.host.cli;

import io.lamina.agent.protocol.Integrity;
import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.run.RunOptions;
import io.lamina.host.run.TrustOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lamina quickstart}. */
@Command(
        name = "quickstart",
        description = {
            "Makes an image out of Debian packages, and runs it in a virtual machine that has proved every byte it reads.",
            "",
            "Each step is told as it is done, and all times at the end. A second start finds image, layers and guest "
                    + "image of the first."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina quickstart"})
final class QuickstartCommand implements Callable<Integer> {
    @Mixin
    private RunForm form = new RunForm();

    @Mixin
    private MachineOptions machine = new MachineOptions();

    @Override
    public Integer call() throws IOException, InterruptedException {
        Installation installation = Installation.current();
        Steps steps = new Steps(System.err, true);
        Path layout = installation.home().resolve("demo-image");
        steps.step("image", () -> makeImage(installation, layout), outcome -> outcome);
        RunOptions options = new RunOptions(
                "oci:" + layout + ":latest",
                RunOptions.Task.OWN_COMMAND,
                Integrity.INTEGRITY_ROOT,
                machine.machine(),
                TrustOptions.DEVELOPMENT,
                RunOptions.Diagnosis.NONE);
        return form.run(installation, steps, options, true);
    }

    private static String makeImage(Installation installation, Path layout) throws IOException, InterruptedException {
        if (Files.exists(layout)) {
            return layout + ", made before";
        }
        Files.createDirectories(installation.home());
        Process script = new ProcessBuilder(
                        installation.root().resolve("scripts/demo-image").toString(), layout.toString())
                .redirectErrorStream(true)
                .start();
        script.getOutputStream().close();
        String said = new String(script.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int status = script.waitFor();
        if (status != 0) {
            throw new IOException("making the image failed with status " + status + ":\n" + said);
        }
        return layout + ", three layers out of Debian packages, made by umoci";
    }
}
