package io.lamina.host.cli;

import io.lamina.host.api.DaemonClient;
import io.lamina.wire.lamina.StatusResponse;
import java.io.IOException;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lamina status}. */
@Command(
        name = "status",
        description = "Tells what the daemon is, has, and has done since its start.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina status --socket /run/lamina/lamina.sock"})
final class StatusCommand implements Callable<Integer> {
    @Mixin
    private StoreOptions options = new StoreOptions();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        StatusResponse status = DaemonClient.status(options.paths().socket());
        Answer answer = new Answer()
                .with("version", "version", status.getVersion())
                .with("process", "pid", (long) status.getPid())
                .with("up for ms", "uptimeMs", status.getUptimeMs())
                .with("store", "root", status.getRoot())
                .with("host mounts", "hostMounts", status.getHostMounts())
                .with("snapshots", "snapshots", status.getSnapshots())
                .with("blobs", "blobs", status.getBlobs())
                .with("blob bytes", "blobBytes", status.getBlobBytes())
                .with("attachments", "attachments", status.getAttachments());
        new TreeMap<>(status.getCountersMap()).forEach((name, value) -> answer.with(name, name, value.longValue()));
        form.print(answer);
        return 0;
    }
}
