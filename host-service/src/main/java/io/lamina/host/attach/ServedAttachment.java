package io.lamina.host.attach;

import io.lamina.host.store.AttachmentStore.Attachment;
import io.lamina.images.device.FlattenedDevice;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A machine's use of a snapshot: what it connects to, and what that has to be. It ends with its owner.
 *
 * @param attachment its number, snapshot, owner and sandbox
 * @param device the image, with its root hash; none for a machine's own scratch
 * @param imageSocket where the image is served over vhost-user-blk, read-only, as long as there is a device
 * @param scratchSocket where a device that may be written is served, if the snapshot may be written and has a size
 */
public record ServedAttachment(
        Attachment attachment,
        Optional<FlattenedDevice> device,
        Optional<Path> imageSocket,
        Optional<Path> scratchSocket) {}
