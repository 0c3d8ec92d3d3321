package io.lamina.host.cli;

import io.lamina.host.guestimage.GuestImage;
import io.lamina.host.guestimage.Initdata;
import io.lamina.host.guestimage.UnifiedKernel;
import io.lamina.host.run.Installation;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.GuestPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lamina guest measure}. */
@Command(
        name = "measure",
        description = {
            "Tells what a measured boot of the guest image measures.",
            "",
            "With --policy, also the initdata that a run with this policy appends, and the register into which the boot stub "
                    + "of a unified kernel image measures all parts."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina guest measure --policy policy.json --json"})
final class GuestMeasureCommand implements Callable<Integer> {
    @Option(names = "--policy", paramLabel = "FILE", description = "The guest's policy, by 'lamina statement policy'.")
    private @Nullable Path policy;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        Installation installation = Installation.current();
        GuestImage guest = installation.guestImages().current();
        Answer answer = new Answer()
                .with("kernel", "kernelDigest", guest.kernelDigest().toString())
                .with("initramfs", "initramfsDigest", guest.initramfsDigest().toString())
                .with("arguments", "kernelArguments", GuestImage.KERNEL_ARGUMENTS);
        if (policy != null) {
            byte[] initdata = Initdata.of(GuestPolicy.parse(Files.readAllBytes(policy)));
            answer.with("initdata", "initdataDigest", Digest.ofContent(initdata).toString())
                    .with(
                            "register " + UnifiedKernel.PCR,
                            "pcr" + UnifiedKernel.PCR,
                            UnifiedKernel.of(guest, initdata).register().hex());
        }
        form.print(answer);
        return 0;
    }
}
