package io.lamina.host.cli;

import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.shim.Attaching;
import io.lamina.shim.attachment.Attachment;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lamina detach}. */
@Command(
        name = "detach",
        description =
                "Gives attachments back: servers, mounts and volumes end, and files that no other attachment uses go.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = "  lamina detach --ended")
final class DetachCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "ID", arity = "0..*", description = "As 'lamina attach' has printed it.")
    private List<String> ids = List.of();

    @Option(names = "--ended", description = "All whose owner's process has ended.")
    private boolean ended;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (ids.isEmpty() && !ended) {
            throw new ParameterException(spec.commandLine(), "name an ID, or --ended");
        }
        Attaching attaching = new Attaching(Installation.current(), new Steps(System.err, false));
        List<Attachment> detached = new ArrayList<>();
        for (String id : ids) {
            detached.add(attaching.directory().get(id));
        }
        if (ended) {
            detached.addAll(attaching.directory().ownerless());
        }
        List<String> lines = new ArrayList<>();
        for (Attachment attachment : detached) {
            attaching.detach(attachment);
            lines.add("detached " + attachment.id());
        }
        form.print(new Answer()
                .withHidden("detached", detached.stream().map(Attachment::id).toList())
                .withLines(lines));
        return 0;
    }
}
