package io.lamina.shim.hcs;

import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.device.RawWriter;
import io.lamina.images.device.VhdFooter;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.shim.ext4.Ext4Image;
import io.lamina.shim.verity.VerityFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;

/**
 * {@code layer.vhd} as hcsshim's guests take it: ext4, dm-verity's superblock and tree, and the footer of a fixed VHD. The
 * guest finds the superblock where ext4's own superblock says that the file system ends.
 */
public final class LcowImage {
    /** The name that hcsshim looks for in each layer's directory. */
    public static final String LAYER_NAME = "layer.vhd";

    /** The name that it looks for in the scratch's directory. */
    public static final String SCRATCH_NAME = "sandbox.vhdx";

    /** What an operator must do on Windows before a file can be attached to a utility VM. */
    public static final String ACCESS_NOTE =
            "on Windows, let utility VMs read the layers: icacls DIRECTORY /grant \"*S-1-5-83-0:(OI)(CI)R\"";

    private LcowImage() {}

    /**
     * Writes the disk.
     *
     * @param device whose merged tree it holds
     * @param file an empty file, where {@code target} is open
     * @param target open for reading and writing
     * @return the root hash that the guest's policy must list
     * @throws io.lamina.images.UnsupportedImageException if the tree holds what ext4 cannot
     */
    public static Digest write(FlattenedDevice device, Path file, FileChannel target) throws IOException {
        long ext4Bytes = Ext4Image.write(device, target);
        Extent.FileExtent data = new Extent.FileExtent(0, ext4Bytes, file.toAbsolutePath(), 0);
        FlattenedDevice ext4 =
                FlattenedDevice.compose(List.of(DevicePart.hashing("ext4", data, VerityGeometry.STANDARD)));
        VerityFile.write(ext4, target, false);
        long diskBytes = VerityFile.sizeBytes(ext4);
        RawWriter.writeFully(target, VhdFooter.of(diskBytes, ext4.rootHash()), diskBytes);
        return ext4.rootHash();
    }
}
