package io.lamina.vmtests.attacks;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.Start;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.TrustPolicy;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Attacks on a guest that is given tars and a manifest's digest, and believes nothing else ({@code --integrity=diffid}). */
final class TarAttacks {
    private static final int ALIGNMENT_BYTES = 512 << 10;

    private final AttackImages images;
    private final Signers signers = new Signers();
    private final byte[] base;
    private final byte[] top;
    private final byte[] config;
    private final byte[] manifest;
    private final List<Scenario> all = new ArrayList<>();

    TarAttacks(AttackImages images) throws IOException, InterruptedException {
        this.images = images;
        this.base = images.tarOf("base");
        this.top = images.tarOf("top");
        String diffIds = "\"diff_ids\":[\"" + Digest.ofContent(base) + "\",\"" + Digest.ofContent(top) + "\"]";
        this.config =
                bytes(new String(images.app.config(), StandardCharsets.UTF_8).replace("\"diff_ids\":[]", diffIds));
        this.manifest =
                bytes("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
                        + "\"digest\":\"" + Digest.ofContent(config) + "\",\"size\":" + config.length
                        + "},\"layers\":[]}");

        add("honest-tars", "^ran \\| DONE", base, top);
        byte[] evil = images.tarOf("evil");
        add("tar-of-another-image", "refused diff-id: expected " + Digest.ofContent(top), base, evil);
        add("swapped-tars", "refused diff-id", top, base);
        byte[] flipped = top.clone();
        flipped[new String(top, StandardCharsets.ISO_8859_1).indexOf(AttackImages.SECRET)] ^= 1;
        add("flipped-byte-of-a-tar", "refused diff-id", base, flipped);
        byte[] disk = disk(base, top);
        byte[] changed = disk.clone();
        int at = new String(disk, StandardCharsets.ISO_8859_1).indexOf(AttackImages.SECRET);
        System.arraycopy(bytes("the wrong secret"), 0, changed, at, AttackImages.SECRET.length());
        add(
                        "tar-changed-after-it-was-hashed",
                        "^exited [0-9]+ dm-verity found corrupted blocks(?!.*the wrong secret)",
                        base,
                        top)
                .strike(changed)
                .host(talk(
                        manifest,
                        config,
                        "/bin/busybox",
                        "sh",
                        "-c",
                        "echo NOW; /bin/busybox sleep 2; /bin/busybox head -c 20 /data/secret"));
        add("another-manifest", "refused manifest-digest", base, top)
                .host(talk(bytes(new String(manifest, StandardCharsets.UTF_8) + " "), config));
        add("configuration-of-another-manifest", "refused config-digest", base, top)
                .host(talk(manifest, images.app.config()));
        add(
                        "tar-lengths-that-do-not-fit",
                        "refused device-size",
                        base,
                        Arrays.copyOf(top, top.length + ALIGNMENT_BYTES))
                .device(disk);
    }

    List<Scenario> all() {
        return all;
    }

    static List<Mutant> mutants() {
        return List.of(
                new Mutant("tar-of-another-image", "guest.TarDevice#checkDiffId"),
                new Mutant("another-manifest", "images.statement.TrustPolicy#admitManifest"));
    }

    private Scenario add(String name, String expected, byte[]... tars) {
        ImageRule rule = new ImageRule(Optional.empty(), Optional.of(Digest.ofContent(manifest)), 0);
        TrustPolicy trust = signers.policy(1, signers.release).trust();
        GuestPolicy policy =
                GuestPolicy.standard(new TrustPolicy(trust.keys(), 1, TrustPolicy.Revocations.NONE, List.of(rule)));
        Scenario scenario = new Scenario(name, expected, images.app, new byte[0], policy.write())
                .device(disk(tars))
                .host(talk(manifest, config, List.of(tars)));
        all.add(scenario);
        return scenario;
    }

    private byte[] talk(byte[] shownManifest, byte[] shownConfig, String... command) {
        return talk(shownManifest, shownConfig, List.of(base, top), command);
    }

    private static byte[] talk(byte[] shownManifest, byte[] shownConfig, List<byte[]> tars, String... command) {
        Start.Builder start = Start.newBuilder()
                .setManifest(ByteString.copyFrom(shownManifest))
                .setImageConfig(ByteString.copyFrom(shownConfig))
                .setIntegrity(Integrity.INTEGRITY_DIFFID);
        tars.forEach(tar -> start.addTarLengths(tar.length));
        for (String word : command) {
            start.addCommand(ByteString.copyFromUtf8(word));
        }
        return Scenario.talk(
                Scenario.hello(1), HostMessage.newBuilder().setStart(start).build());
    }

    private static byte[] disk(byte[]... tars) {
        byte[] disk = {};
        for (byte[] tar : tars) {
            int start = disk.length;
            disk = Arrays.copyOf(disk, start + Math.ceilDiv(tar.length, ALIGNMENT_BYTES) * ALIGNMENT_BYTES);
            System.arraycopy(tar, 0, disk, start, tar.length);
        }
        return disk;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
