package io.lamina.vmtests.attacks;

import io.lamina.agent.protocol.Integrity;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Attacks by the bytes of the device, against a real kernel's dm-verity. What the agent can meet before the command runs it
 * refuses; what the command itself is the first to read fails that read, and with it the run.
 */
final class DeviceAttacks {
    private static final String BLOCK = "refused data-block: expected .*, found corrupted blocks ";

    /** The command could not read something, and dm-verity has said so; which block, the kernel tells ten times in 5 s. */
    private static final String READ_FAILED = "^exited [0-9]+ dm-verity found corrupted blocks";

    private final AttackImages images;
    private final Signers signers = new Signers();
    private final List<Scenario> all = new ArrayList<>();

    DeviceAttacks(AttackImages images) {
        this.images = images;
        honest();
        flippedBytes();
        otherLayers();
        whileMounted();
        containers();
    }

    List<Scenario> all() {
        return all;
    }

    /** Each verification of this kind switched off, and the attack that then succeeds. */
    static List<Mutant> mutants() {
        String verity = "guest.VerityDevice#options=1 ignore_corruption+guest.VerityDevice#corrupted";
        return List.of(
                new Mutant("flipped-layer-data", verity),
                new Mutant("layer-of-another-image", verity),
                new Mutant("flipped-leaf-hashes", verity),
                new Mutant("device-of-an-older-version", verity),
                new Mutant("changed-between-two-reads", verity),
                new Mutant("flipped-padding", "guest.Session#readAll"),
                new Mutant("link-where-proc-is-mounted", "guest.ContainerRoot#prepare"));
    }

    private byte[] policy() {
        return signers.policy(1, signers.release).write();
    }

    private Scenario add(String name, String expected, AttackImage image) {
        Scenario scenario =
                new Scenario(name, expected, image, signers.signed(image.statement(), signers.release), policy());
        all.add(scenario);
        return scenario;
    }

    private Scenario add(String name, String expected, byte[] device) {
        return add(name, expected, images.app).device(device);
    }

    private Scenario script(Scenario scenario, AttackImage image, String script) {
        byte[] envelope = signers.signed(image.statement(), signers.release);
        return scenario.host(Scenario.talk(
                Scenario.hello(1), Scenario.started(image, envelope, "/bin/busybox", "sh", "-c", script)));
    }

    private void honest() {
        add("honest", "^ran \\| DONE", images.app);
        add("honest-with-blocks-of-512-bytes", "^ran \\| DONE", images.indexed);
        script(
                add("honest-without-a-writable-layer", "^ran .*Read-only file system", images.readOnly),
                images.readOnly,
                "echo x > /data/secret; exit 0");
        script(
                add("the-writable-layer-is-memory", "^ran \\| upperdir=/run/lamina/memory", images.app),
                images.app,
                "/bin/busybox grep -o upperdir=/run/lamina/memory /proc/mounts");
    }

    private void flippedBytes() {
        AttackImage app = images.app;
        add("flipped-superblock", BLOCK, app.flipped(1024));
        add("flipped-device-table", BLOCK, app.flipped(app.deviceTable()));
        add("flipped-root-inode", BLOCK, app.flipped(app.rootInode()));
        add("flipped-directory-entry", BLOCK, app.flipped(app.find("motd", 0)));
        add("flipped-xattr", BLOCK, app.flipped(app.find("xattr of the secret", 0)));
        add("flipped-layer-data", READ_FAILED, app.flipped(app.find(AttackImages.SECRET, 0)));
        add("flipped-program", BLOCK, app.flipped(app.start(1) + 4096 + 64));
        add("flipped-root-block-of-the-tree", BLOCK, app.flipped(app.treeStart()));
        int leaves = app.treeStart() + 4096;
        add("flipped-leaf-hashes", BLOCK, app.flipped(leaves));
        add("flipped-leaf-hash-of-a-file", READ_FAILED, app.flipped(leaf(app, app.find(AttackImages.SECRET, 0))));
        byte[] noTree = app.device().clone();
        Arrays.fill(noTree, app.treeStart(), noTree.length, (byte) 0);
        add("tree-of-zeroes", BLOCK, noTree);
        byte[] superblock = app.device().clone();
        byte[] verity = "verity\0\0\1\0\0\0\1\0\0\0".getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(verity, 0, superblock, app.treeStart(), verity.length);
        add("superblock-of-the-host's-before-the-tree", BLOCK, superblock);
        AttackImage indexed = images.indexed;
        add("flipped-byte-in-blocks-of-512-bytes", READ_FAILED, indexed)
                .device(indexed.flipped(indexed.find(AttackImages.SECRET, 0)));
        add("flipped-metadata-in-blocks-of-512-bytes", BLOCK, indexed).device(indexed.flipped(1024));
        eager("flipped-padding", app.start(1) - 1);
        eager("flipped-tail-of-the-last-layer", app.treeStart() - 1);
    }

    /** Where the hash of the block around {@code at} lies in level 0, the last of the tree. */
    private static int leaf(AttackImage image, int at) {
        long blocks = image.statement().verity().dataBlocks();
        long level0Bytes = image.statement().verity().geometry().levelBlocks(blocks, 0) * 4096;
        return Math.toIntExact(image.device().length - level0Bytes + at / 4096 * 32L);
    }

    /** What nobody reads harms nobody; a guest that is asked to read all of it before the start finds it. */
    private void eager(String name, int at) {
        byte[] envelope = signers.signed(images.app.statement(), signers.release);
        add(name, BLOCK, images.app.flipped(at))
                .host(Scenario.talk(
                        Scenario.hello(1), Scenario.start(envelope, images.app.config(), Integrity.INTEGRITY_EAGER)));
    }

    private void otherLayers() {
        AttackImage app = images.app;
        int length = app.treeStart() - app.start(2);
        byte[] swapped = app.with(app.start(1), app.device(), app.start(2), length);
        System.arraycopy(app.device(), app.start(1), swapped, app.start(2), length);
        add("swapped-layers", BLOCK, swapped);
        add("dropped-layer", READ_FAILED, app.with(app.start(2), new byte[length], 0, length));
        add("repeated-layer", READ_FAILED, app.with(app.start(2), app.device(), app.start(1), length));
        AttackImage other = images.other;
        add("layer-of-another-image", READ_FAILED, app.with(app.start(2), other.device(), other.start(2), length));
        add("metadata-of-another-image", BLOCK, app.with(0, other.device(), 0, app.start(1)));
        add(
                "layer-and-tree-of-another-image",
                BLOCK,
                app.with(app.start(2), other.device(), other.start(2), app.device().length - app.start(2)));
        add("device-of-another-image", BLOCK, other.device());
        add("device-of-an-older-version", BLOCK, images.older.device());
        add("device-of-zeroes", BLOCK, new byte[app.device().length]);
    }

    private void whileMounted() {
        AttackImage app = images.app;
        byte[] evil = app.with(
                app.find(AttackImages.SECRET, 0),
                "the wrong secret".getBytes(StandardCharsets.US_ASCII),
                0,
                AttackImages.SECRET.length());
        script(
                        add("changed-between-two-reads", READ_FAILED + "(?!.*the wrong secret)", app),
                        app,
                        "cat() { /bin/busybox head -c 20 $@; }; cat /data/secret; echo NOW; /bin/busybox sleep 2; "
                                + "cat /data/secret; echo AGAIN")
                .strike(evil);
        script(
                        add("shrunk-while-mounted", "^exited 9 (?!.*SECOND)", app),
                        app,
                        "/bin/busybox head -c 20 /data/secret; echo NOW; /bin/busybox sleep 2; "
                                + "/bin/busybox cat /data/second || exit 9; echo SECOND")
                .strike(Arrays.copyOf(app.device(), 4096));
    }

    private void containers() {
        add(
                "link-where-proc-is-mounted",
                "refused mount-point: expected a directory /proc in the image, found something else",
                images.linked);
    }
}
