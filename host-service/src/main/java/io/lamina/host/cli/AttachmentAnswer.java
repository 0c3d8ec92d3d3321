package io.lamina.host.cli;

import io.lamina.host.shim.Attaching.Consumer;
import io.lamina.images.json.JsonWriter;
import io.lamina.shim.attachment.Attachment;
import io.lamina.shim.attachment.Attachment.Form;
import io.lamina.shim.attachment.AttachmentJson;
import io.lamina.shim.cloudhypervisor.VhostUserDisk;
import io.lamina.shim.hcs.HcsMount;
import io.lamina.shim.hcs.LcowImage;
import io.lamina.shim.kata.KataGoMounts;
import io.lamina.shim.kata.KataRsMounts;
import io.lamina.shim.mount.RootfsMount;
import io.lamina.shim.policy.HcsPolicy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** An attachment in the words of its consumer. */
final class AttachmentAnswer {
    private final Answer answer;
    private final Map<String, Object> routes = new TreeMap<>();
    private final List<String> lines = new ArrayList<>();

    private AttachmentAnswer(Attachment attachment) {
        this.answer = new Answer()
                .with("attachment", "id", attachment.id())
                .with("root hash", "rootHash", attachment.device().rootHash().hex())
                .withHidden("attachment", AttachmentJson.members(attachment));
    }

    /** What is printed of it, whoever uses it. */
    record Shown(
            Attachment attachment,
            Consumer consumer,
            int memoryMiB,
            Path mountPoint,
            @Nullable String windows) {}

    static Answer of(Shown shown) {
        AttachmentAnswer words = new AttachmentAnswer(shown.attachment);
        switch (shown.consumer) {
            case KATA_RS -> words.kataRs(shown.attachment);
            case KATA_GO -> words.kataGo(shown);
            case HCS_LCOW -> words.hyperV(shown);
            case QEMU ->
                words.arguments(
                        "qemu-system-x86_64 …",
                        io.lamina.shim.qemu.VhostUserDisk.at("image", shown.attachment.socket())
                                .withMemory(shown.memoryMiB));
            case CLOUD_HYPERVISOR ->
                words.arguments(
                        "cloud-hypervisor …", VhostUserDisk.arguments(shown.attachment.socket(), shown.memoryMiB));
        }
        return words.answer.withHidden("routes", words.routes).withLines(words.lines);
    }

    private void kataRs(Attachment attachment) {
        mounts("A", "one flat file, any VMM; the guest does not verify it", KataRsMounts.flat(attachment));
        mounts("B", "the same with dm-verity, QEMU only", KataRsMounts.verified(attachment));
        lines.add("VMDK          " + attachment.file(Form.VMDK));
    }

    private void kataGo(Shown shown) {
        Optional<Path> socket = shown.attachment.access().socket();
        if (socket.isPresent()) {
            lines.add("route F: a vhost-user volume, served at " + socket.get());
            routes.put("F", Map.of("socket", socket.get().toString()));
            return;
        }
        mounts(
                "E",
                "an EROFS mount of this host below an overlay",
                KataGoMounts.overlay(shown.mountPoint, Optional.empty()));
    }

    private void hyperV(Shown shown) {
        Attachment attachment = shown.attachment;
        String layer = shown.windows == null
                ? directory(attachment.file(Form.EXT4_VHD))
                : shown.windows + "\\" + attachment.device().rootHash().hex();
        String scratch = shown.windows == null
                ? directory(attachment.file(Form.SCRATCH_VHDX))
                : shown.windows + "\\" + attachment.id();
        mounts(
                "I",
                "ext4 in a VHD, for hcsshim as it is",
                List.of(new HcsMount.LcowLayer(scratch, List.of(layer)).mount()));
        attachment.files().forEach((form, file) -> lines.add(form.key() + "  " + file));
        if (shown.windows != null) {
            lines.add("copy          " + attachment.file(Form.EXT4_VHD) + " to " + layer + "\\" + LcowImage.LAYER_NAME);
            lines.add("copy          " + attachment.file(Form.SCRATCH_VHDX) + " to " + scratch + "\\"
                    + LcowImage.SCRATCH_NAME);
        }
        lines.add("note          " + LcowImage.ACCESS_NOTE);
        attachment.access().ext4RootHash().ifPresent(root -> {
            String policy = HcsPolicy.of("lamina", List.of(root));
            routes.put("policy", policy);
            lines.addAll(policy.lines().toList());
        });
    }

    private static String directory(Path file) {
        return Objects.requireNonNull(file.getParent(), "a file of ours").toString();
    }

    private void mounts(String route, String what, List<RootfsMount> mounts) {
        lines.add("route " + route + ": " + what);
        List<Object> members = new ArrayList<>();
        for (RootfsMount mount : mounts) {
            members.add(mount.members());
            lines.add("  " + new String(JsonWriter.write(mount.members()), StandardCharsets.UTF_8));
        }
        routes.put(route, Map.of("mounts", members));
    }

    private void arguments(String program, List<String> arguments) {
        routes.put("G", Map.of("arguments", arguments));
        lines.add("route G: " + program);
        for (int i = 0; i < arguments.size(); i += 2) {
            lines.add("  " + arguments.get(i) + " " + arguments.get(i + 1));
        }
    }
}
