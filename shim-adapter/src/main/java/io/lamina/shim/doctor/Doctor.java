package io.lamina.shim.doctor;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Judges each route for a host and its configurations. It promises nothing that no test has shown, and says which those are. */
public final class Doctor {
    private final Host host;
    private final Optional<KataConfig> kata;
    private final Optional<ContainerdConfig> containerd;

    private Doctor(Host host, Optional<KataConfig> kata, Optional<ContainerdConfig> containerd) {
        this.host = host;
        this.kata = kata;
        this.containerd = containerd;
    }

    /**
     * A judgement.
     *
     * @param route which way
     * @param verdict what is to be expected here
     * @param why the reason
     * @param change the lines to change, or empty
     */
    public record Judgement(Route route, Verdict verdict, String why, String change) {
        /** One line, or two with what to change. */
        public List<String> lines() {
            List<String> lines = new ArrayList<>();
            lines.add(route + "  " + verdict.words() + (route.tried() ? "" : " (only read in source)") + ": "
                    + route.title());
            lines.add("   " + why);
            if (!change.isEmpty()) {
                lines.add("   change: " + change);
            }
            return lines;
        }
    }

    /** Judges all routes, in their order. */
    public static List<Judgement> judge(Host host, Optional<KataConfig> kata, Optional<ContainerdConfig> containerd) {
        Doctor doctor = new Doctor(host, kata, containerd);
        List<Judgement> judgements = new ArrayList<>();
        for (Route route : Route.values()) {
            judgements.add(doctor.judge(route));
        }
        return judgements;
    }

    private Judgement judge(Route route) {
        return switch (route) {
            case A -> rust(route).orElseGet(() -> flat(route));
            case B -> rust(route).orElseGet(() -> verified(route));
            case C, H, I -> best(route);
            case D -> caches(route);
            case E -> go(route).orElseGet(() -> overlay(route));
            case F -> volume(route);
            case G -> bare(route);
        };
    }

    private static Judgement best(Route route) {
        return new Judgement(route, route.best(), route.why(), route.best() == Verdict.CANNOT ? route.lines() : "");
    }

    private static Judgement cannot(Route route, String why, String change) {
        return new Judgement(route, Verdict.CANNOT, why, change);
    }

    private Optional<Judgement> rust(Route route) {
        if (kata.isEmpty()) {
            return Optional.of(cannot(route, "no configuration of Kata was given", "--kata-config FILE"));
        }
        return kata.get().rust()
                ? Optional.empty()
                : Optional.of(
                        cannot(route, "this configuration is of Kata's Go runtime", "use runtime-rs, or route E"));
    }

    private Optional<Judgement> go(Route route) {
        if (kata.isEmpty()) {
            return Optional.of(cannot(route, "no configuration of Kata was given", "--kata-config FILE"));
        }
        return kata.get().rust()
                ? Optional.of(cannot(route, "this configuration is of Kata's runtime-rs", "route A or B"))
                : Optional.empty();
    }

    private Judgement flat(Route route) {
        KataConfig config = kata.orElseThrow();
        if (config.blockDriver().contains("mmio") || config.hypervisor().equals("firecracker")) {
            return cannot(
                    route,
                    "the agent takes the layers from virtio-blk over PCI or virtio-scsi, not from "
                            + config.blockDriver(),
                    "[hypervisor." + config.hypervisor() + "] " + route.lines());
        }
        return new Judgement(route, route.best(), route.why() + cost(), "");
    }

    private String cost() {
        return host.reflink() ? "" : "; this file system shares no blocks, so that each image is copied once";
    }

    private Judgement verified(Route route) {
        KataConfig config = kata.orElseThrow();
        if (!config.isQemu()) {
            return new Judgement(
                    route,
                    Verdict.NEEDS_PATCH,
                    "only QEMU opens the VMDK that the shim makes of partitions; here it is " + config.hypervisor(),
                    "[runtime] hypervisor_name = \"qemu\", or route A");
        }
        return new Judgement(route, route.best(), route.why() + cost(), "");
    }

    private Judgement caches(Route route) {
        if (host.programs().containerd().isEmpty()
                || !Host.atLeast(host.programs().containerd().get(), 2, 4)) {
            return cannot(
                    route,
                    "needs containerd 2.4, here it is "
                            + host.programs().containerd().orElse("missing"),
                    "containerd 2.4 or later");
        }
        boolean set = containerd.filter(ContainerdConfig::caches).isPresent();
        boolean proved =
                containerd.filter(config -> config.dmverity().equals("on")).isPresent();
        return new Judgement(
                route,
                proved ? Verdict.WORKS : Verdict.WITHOUT_INTEGRITY,
                route.why(),
                set && proved ? "" : route.lines());
    }

    private Judgement overlay(Route route) {
        if (!host.erofs()) {
            return cannot(route, "this kernel mounts no EROFS", "modprobe erofs");
        }
        if (!kata.orElseThrow().blockDevices()) {
            return cannot(route, "disable_block_device_use is true", route.lines());
        }
        return new Judgement(route, route.best(), route.why(), "");
    }

    private Judgement volume(Route route) {
        if (kata.isEmpty()) {
            return cannot(route, "no configuration of Kata was given", "--kata-config FILE");
        }
        KataConfig config = kata.get();
        if (config.rust()) {
            return config.hypervisor().equals("dragonball")
                    ? new Judgement(
                            route,
                            Verdict.WITHOUT_INTEGRITY,
                            "runtime-rs with Dragonball takes spdkvol, for EROFS only by ctr --mount type=spdkvol; a bind"
                                    + " mount makes it ext4",
                            "")
                    : new Judgement(
                            route,
                            Verdict.NEEDS_PATCH,
                            "runtime-rs with " + config.hypervisor()
                                    + " has no vhost-user-blk (kata-containers #12000, #12001)",
                            "Kata Go with QEMU, or Dragonball");
        }
        if (!config.isQemu()) {
            return cannot(
                    route, "Kata Go takes vhost-user-blk with QEMU only, here it is " + config.hypervisor(), "qemu");
        }
        if (!config.vhostUserStore() || !config.hugePages() || config.reconnectSeconds() == 0) {
            return cannot(
                    route,
                    "the store is off, or without huge pages, or QEMU would never reconnect",
                    "[hypervisor.qemu] " + route.lines());
        }
        return new Judgement(route, route.best(), route.why(), "");
    }

    private Judgement bare(Route route) {
        Host.Programs programs = host.programs();
        if (programs.qemu().isPresent() && Host.atLeast(programs.qemu().get(), 8, 0)) {
            return new Judgement(route, route.best(), route.why(), "");
        }
        if (programs.cloudHypervisor().isPresent()) {
            return new Judgement(
                    route,
                    route.best(),
                    "only read in source: no test of Lamina has started Cloud Hypervisor; it gives a disk up when the"
                            + " backend is away for 60 s",
                    "share/prove-routes tries it");
        }
        return cannot(route, "there is neither QEMU 8 or later nor Cloud Hypervisor", "install qemu-system-x86");
    }
}
