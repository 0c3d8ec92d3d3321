package io.lamina.vmtests.attacks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Attacks by the disk for the writable layer, which the guest encrypts; and by what follows a root that is handed over. */
final class ScratchAttacks {
    /** As much as the guest takes; its file system has a little less. */
    private static final int DISK_MIB = 16;

    /** Fills the disk so far that what the host changes is the file's, then looks whether it can be read. */
    private static final String WRITE_AND_READ =
            "/bin/busybox dd if=/dev/urandom of=/data/new bs=1M count=11 2>/dev/null; /bin/busybox sync; echo NOW; "
                    + "/bin/busybox sleep 2; /bin/busybox cat /data/new >/dev/null || exit 9; "
                    + "/bin/busybox grep -o upperdir=/run/lamina/scratch /proc/mounts";

    private final AttackImages images;
    private final Signers signers = new Signers();
    private final List<Scenario> all = new ArrayList<>();

    ScratchAttacks(AttackImages images, Path directory) throws IOException, InterruptedException {
        this.images = images;
        byte[] empty = {};
        script("honest-scratch", "^ran \\| NOW *upperdir=/run/lamina/scratch", WRITE_AND_READ).scratch = empty;
        script(
                                "pre-filled-scratch",
                                "^ran \\| the right secret(?!.*evil)",
                                "/bin/busybox head -c 20 /data/secret; /bin/busybox ls /data")
                        .scratch =
                upperLayerOfTheHosts(directory);
        changed("flipped-scratch", "flip", WRITE_AND_READ);
        changed("moved-scratch-sectors", "move", WRITE_AND_READ);
        changed("swapped-scratch", "swap", WRITE_AND_READ);

        add("honest-handed-over", "^handed over the right secret, 0 in /proc, writable", images.app).handOver = true;
        add("honest-handed-over-read-only", "^handed over the right secret, 0 in /proc, read-only", images.readOnly)
                .handOver = true;
        add("flipped-superblock-of-a-root-to-hand-over", "^refused data-block: [^|]*$", images.app)
                .device(images.app.flipped(1024))
                .handOver = true;
        script("command-for-a-root-to-hand-over", "^refused command: expected none", "echo x").handOver = true;
        add("read-only-root-without-proc", "^refused mount-point: .* found none", images.bare);
    }

    List<Scenario> all() {
        return all;
    }

    static List<Mutant> mutants() {
        String bareDisk = "aes-xts-plain64 " + "01".repeat(32) + "02".repeat(32) + " 0 /dev/loop6 0";
        return List.of(new Mutant("flipped-scratch", "guest.ScratchDisk#cryptParameters=" + bareDisk));
    }

    private Scenario add(String name, String expected, AttackImage image) {
        byte[] policy = signers.policy(1, signers.release).write();
        Scenario scenario =
                new Scenario(name, expected, image, signers.signed(image.statement(), signers.release), policy);
        all.add(scenario);
        return scenario;
    }

    private Scenario script(String name, String expected, String script) {
        byte[] envelope = signers.signed(images.scratch.statement(), signers.release);
        return add(name, expected, images.scratch)
                .host(Scenario.talk(
                        Scenario.hello(1),
                        Scenario.started(images.scratch, envelope, "/bin/busybox", "sh", "-c", script)));
    }

    private void changed(String name, String how, String script) {
        Scenario scenario = script(name, "^exited 9 ", script);
        scenario.scratch = new byte[0];
        scenario.scratchStrike = how;
    }

    /** A file system with what a host would like to see over the image. */
    private static byte[] upperLayerOfTheHosts(Path directory) throws IOException, InterruptedException {
        Path tree = Files.createDirectory(directory.resolve("upper-layer-of-the-hosts"));
        for (String place : List.of("data", "upper/data", "work")) {
            Files.writeString(Files.createDirectories(tree.resolve(place)).resolve("secret"), "an evil secret");
        }
        Path disk = directory.resolve("scratch-of-the-hosts");
        AttackImages.run("mke2fs", "-q", "-t", "ext4", "-d", tree.toString(), disk.toString(), DISK_MIB + "M");
        return Files.readAllBytes(disk);
    }
}
