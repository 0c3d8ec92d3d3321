package io.lamina.host.cli;

import io.lamina.host.run.Installation;
import io.lamina.host.shim.HostFacts;
import io.lamina.images.json.JsonValue;
import io.lamina.shim.doctor.ContainerdConfig;
import io.lamina.shim.doctor.Doctor;
import io.lamina.shim.doctor.Host;
import io.lamina.shim.doctor.KataConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lamina doctor}. */
@Command(
        name = "doctor",
        description = {
            "Tells which way to a virtual machine works on this host: works, works without integrity, needs a patch, or cannot; "
                    + "why; and which lines to change.",
            "",
            "What no test of Lamina has shown is marked \"only read in source\"; share/prove-routes tries the routes on a host "
                    + "that has the runtimes. docs/runtimes.md has the table of all routes."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = "  lamina doctor --kata-config /etc/kata-containers/configuration.toml")
final class DoctorCommand implements Callable<Integer> {
    @Option(names = "--kata-config", paramLabel = "FILE", description = "Kata's configuration.toml.")
    private @Nullable Path kata;

    @Option(
            names = "--containerd-config",
            paramLabel = "FILE",
            description = "containerd's config.toml (default: /etc/containerd/config.toml, if it is there).")
    private @Nullable Path containerd;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        Host host = HostFacts.look(Installation.current().home());
        Optional<KataConfig> kataConfig =
                kata == null ? Optional.empty() : Optional.of(KataConfig.read(Files.readAllBytes(kata)));
        List<Doctor.Judgement> judgements = Doctor.judge(host, kataConfig, containerdConfig());
        List<String> lines = new ArrayList<>(hostLines(host));
        List<Object> routes = new ArrayList<>();
        for (Doctor.Judgement judgement : judgements) {
            lines.addAll(judgement.lines());
            routes.add(Map.of(
                    "route", judgement.route().name(),
                    "title", judgement.route().title(),
                    "verdict", judgement.verdict().words(),
                    "tried", judgement.route().tried(),
                    "why", judgement.why(),
                    "change", judgement.change()));
        }
        lines.add("CRI-O and podman are not supported: they take no snapshotter from outside.");
        lines.add("Hyper-V itself has no vhost-user: there, a disk is a file (route I).");
        form.print(new Answer()
                .withHidden("kernel", host.kernel())
                .withHidden("routes", routes)
                .withHidden("notSupported", List.of("cri-o", "podman"))
                .withLines(lines));
        return 0;
    }

    private Optional<ContainerdConfig> containerdConfig() throws IOException {
        Path file = containerd == null ? Path.of("/etc/containerd/config.toml") : containerd;
        if (containerd == null && Files.notExists(file)) {
            return Optional.empty();
        }
        return Optional.of(ContainerdConfig.read(Files.readAllBytes(file)));
    }

    private static List<String> hostLines(Host host) {
        return List.of(
                "kernel        " + host.kernel() + (host.erofs() ? ", EROFS" : ", no EROFS")
                        + (host.erofsFromFiles() ? " from files" : "")
                        + (host.dmVerity() ? ", device-mapper" : ", no device-mapper"),
                "reflink       " + (host.reflink() ? "yes" : "no: each form of an image is a copy"),
                "QEMU          " + shown(host.programs().qemu()),
                "Cloud Hyperv. " + shown(host.programs().cloudHypervisor()),
                "containerd    " + shown(host.programs().containerd()));
    }

    private static String shown(Optional<String> version) {
        return version.map(JsonValue::printable).orElse("not found");
    }
}
