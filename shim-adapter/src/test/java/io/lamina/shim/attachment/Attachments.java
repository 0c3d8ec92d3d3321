package io.lamina.shim.attachment;

import io.lamina.images.device.Extent;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.shim.attachment.Attachment.Access;
import io.lamina.shim.attachment.Attachment.Device;
import io.lamina.shim.attachment.Attachment.Form;
import io.lamina.shim.attachment.Attachment.Layer;
import io.lamina.shim.attachment.Attachment.Owner;
import io.lamina.shim.attachment.Attachment.Scratch;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** An attachment that has everything. */
public final class Attachments {
    private Attachments() {}

    /** One with a scratch, or without. */
    public static Attachment sample(boolean scratch) {
        Map<Form, Path> files = new EnumMap<>(Form.class);
        for (Form form : Form.values()) {
            files.put(form, Path.of("/run/lamina", form.key()));
        }
        long dataBlocks = 256;
        long hashStart = 256;
        long size = (hashStart + VerityGeometry.STANDARD.hashBlocks(dataBlocks)) * 4096;
        return new Attachment(
                "sandbox-1",
                "oci:layout:latest",
                new Device(
                        size,
                        VerityGeometry.STANDARD,
                        dataBlocks,
                        hashStart,
                        Digest.ofContent(new byte[] {1}),
                        List.of(new Extent.FileExtent(0, 524_288, Path.of("/blobs/a"), 4096))),
                List.of(new Layer(
                        Digest.ofContent(new byte[] {2}), Digest.ofContent(new byte[] {3}), Path.of("/blobs/a"))),
                new TreeMap<>(files),
                new Access(
                        Optional.of(Path.of("/run/lamina/image.sock")),
                        Optional.of(Path.of("/run/lamina/statement.json")),
                        scratch
                                ? Optional.of(new Scratch(Path.of("/run/lamina/rwlayer.img"), 1 << 30))
                                : Optional.empty(),
                        Optional.of(Digest.ofContent(new byte[] {4}))),
                new Owner("sandbox", 1234, 5678, "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"));
    }
}
