package io.lamina.host.shim;

import io.lamina.host.attach.HostMountMethod;
import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.store.BlobStore;
import io.lamina.host.store.RefusedException;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageReference;
import io.lamina.linux.DirectoryTree;
import io.lamina.linux.Mount;
import io.lamina.linux.MountTable;
import io.lamina.linux.ProcessIdentity;
import io.lamina.shim.attachment.Attachment;
import io.lamina.shim.attachment.Attachment.Access;
import io.lamina.shim.attachment.Attachment.Form;
import io.lamina.shim.attachment.Attachment.Layer;
import io.lamina.shim.attachment.Attachment.Owner;
import io.lamina.shim.attachment.Attachment.Scratch;
import io.lamina.shim.hcs.LcowImage;
import io.lamina.shim.kata.KataGoMounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;

/** Attaches images to machines that others start, and takes them back. */
public final class Attaching {
    /** Where a mounted image is, in a lease. */
    private static final String MOUNT = "mnt";

    private final Installation installation;
    private final AttachmentDirectory directory;
    private final Steps steps;

    /** Who uses an attachment. */
    public enum Consumer {
        KATA_RS,
        KATA_GO,
        HCS_LCOW,
        QEMU,
        CLOUD_HYPERVISOR
    }

    /**
     * What is asked for.
     *
     * @param image a reference
     * @param consumer who uses it
     * @param sandbox the owner's name for what it does
     * @param ownerPid the process with which it ends; 0: none
     * @param extras what not every attachment has
     */
    public record Request(String image, Consumer consumer, String sandbox, long ownerPid, Extras extras) {}

    /**
     * What not every attachment has.
     *
     * @param scratchBytes size of a disk to write to; 0: none
     * @param statement a signed statement to hand on
     * @param volume a path under which Kata's Go runtime is to find the device, and the runtime's store
     */
    public record Extras(long scratchBytes, Optional<Path> statement, Optional<VhostUserVolume> volume) {}

    public Attaching(Installation installation, Steps steps) throws IOException {
        this.installation = installation;
        this.directory = AttachmentDirectory.in(installation.home());
        this.steps = steps;
    }

    /** The attachments there are. */
    public AttachmentDirectory directory() {
        return directory;
    }

    /** Attaches an image; what dead owners have left goes first. */
    public Attachment attach(Request request) throws IOException, InterruptedException {
        for (Attachment dead : directory.ownerless()) {
            detach(dead);
        }
        Owner owner = owner(request);
        String id = request.sandbox + "-" + UUID.randomUUID().toString().substring(0, 8);
        Path lease = Files.createDirectories(directory.lease(id));
        ImagePreparation preparation =
                new ImagePreparation(BlobStore.open(installation.home().resolve("store")), steps);
        try (FlattenedImage image =
                preparation.flatten(ImageReference.parse(request.image).open())) {
            FlattenedDevice device = image.device();
            ImageForms forms = new ImageForms(directory.image(device.rootHash().hex()), device, image.layers());
            SortedMap<Form, Path> more = new TreeMap<>();
            Optional<Digest> ext4Root = make(forms, request, lease, more);
            List<Layer> layers = image.layers().stream()
                    .map(layer -> new Layer(layer.diffId(), layer.hashes().rootHash(), layer.blob()))
                    .toList();
            Access access =
                    new Access(socket(request, id, lease), request.extras.statement, scratch(request, lease), ext4Root);
            Attachment attachment = new Attachment(
                            id, request.image, Attachment.Device.of(device), layers, forms.files(), access, owner)
                    .with(more);
            // The lease is there before what only it explains.
            directory.publish(attachment);
            start(request, attachment, lease);
            return attachment;
        } catch (IOException | InterruptedException | RuntimeException failure) {
            takeBack(lease);
            DirectoryTree.delete(lease);
            throw failure;
        }
    }

    private static Owner owner(Request request) throws IOException {
        if (request.ownerPid == 0) {
            return Owner.lasting(request.sandbox);
        }
        long start = ProcessIdentity.startTicks(request.ownerPid)
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Reason.INVALID_ARGUMENT,
                        "there is no process " + request.ownerPid + " to own an attachment"));
        return new Owner(request.sandbox, request.ownerPid, start, ProcessIdentity.bootId());
    }

    private static Optional<Digest> make(ImageForms forms, Request request, Path lease, Map<Form, Path> more)
            throws IOException {
        switch (request.consumer) {
            case KATA_RS -> {
                forms.raw();
                forms.empty();
                forms.vmdk();
            }
            case KATA_GO -> forms.raw();
            case HCS_LCOW -> {
                Path disk = lease.resolve(LcowImage.SCRATCH_NAME);
                ScratchDisk.vhdx(disk, request.extras.scratchBytes);
                more.put(Form.SCRATCH_VHDX, disk);
                return Optional.of(forms.hyperV());
            }
            case QEMU, CLOUD_HYPERVISOR -> {}
        }
        return Optional.empty();
    }

    private static Optional<Path> socket(Request request, String id, Path lease) throws IOException {
        return switch (request.consumer) {
            case QEMU, CLOUD_HYPERVISOR -> Optional.of(lease.resolve("image.sock"));
            case KATA_GO ->
                request.extras.volume.isPresent()
                        ? Optional.of(request.extras.volume.get().prepare(id))
                        : Optional.empty();
            case KATA_RS, HCS_LCOW -> Optional.empty();
        };
    }

    private static Optional<Scratch> scratch(Request request, Path lease) throws IOException {
        if (request.extras.scratchBytes == 0 || request.consumer == Consumer.HCS_LCOW) {
            return Optional.empty();
        }
        Path disk = lease.resolve(KataGoMounts.SCRATCH_NAME);
        ScratchDisk.ext4(disk, request.extras.scratchBytes);
        return Optional.of(new Scratch(disk, request.extras.scratchBytes));
    }

    private void start(Request request, Attachment attachment, Path lease) throws IOException, InterruptedException {
        if (attachment.access().socket().isPresent()) {
            ServerProcess.start(installation, lease, attachment.socket(), request.image, request.ownerPid);
        }
        if (request.extras.volume.isPresent()) {
            request.extras.volume.get().publish(attachment.id(), lease);
        } else if (request.consumer == Consumer.KATA_GO) {
            Path target = Files.createDirectories(lease.resolve(MOUNT));
            HostMountMethod.probe(lease).mount(attachment.file(Form.RAW), List.of(), target);
        }
    }

    /** Where a lease's image is mounted on this host. */
    public Path mountPoint(Attachment attachment) {
        return directory.lease(attachment.id()).resolve(MOUNT);
    }

    /** Takes an attachment back: mounts, servers, volumes, files, in the order in which others could miss them. */
    public void detach(Attachment attachment) throws IOException, InterruptedException {
        takeBack(directory.lease(attachment.id()));
        directory.remove(attachment);
    }

    private static void takeBack(Path lease) throws IOException, InterruptedException {
        VhostUserVolume.withdraw(lease);
        ServerProcess.stop(lease);
        VhostUserVolume.removeSocket(lease);
        String target = lease.resolve(MOUNT).toString();
        for (MountTable.Entry entry : MountTable.read()) {
            if (entry.target().equals(target)) {
                Mount.unmount(target, Mount.MNT_DETACH);
            }
        }
    }
}
