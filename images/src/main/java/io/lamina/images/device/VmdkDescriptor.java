package io.lamina.images.device;

import java.nio.file.Path;

/**
 * Describes a device as a VMDK of type {@code twoGbMaxExtentFlat} ("Virtual Disk Format 5.0", VMware, section "The Text
 * Descriptor"), the form that erofs-utils writes with {@code --vmdk-desc} and that QEMU and VMware open in place: a text
 * that names the blobs, of which nothing is copied.
 */
public final class VmdkDescriptor {
    /** An extent's most sectors: 2 GiB. */
    private static final long MAX_EXTENT_SECTORS = 4_194_304;

    private static final int SECTOR_BYTES = 512;
    private static final int HEADS = 16;
    private static final int SECTORS_PER_TRACK = 63;
    private static final int MAX_CYLINDERS = 16_383;

    private VmdkDescriptor() {}

    /**
     * The descriptor of {@code device}. The same device gives the same text.
     *
     * @param device made of files alone, see {@link FlattenedDevice#withRestIn}; all extents whole sectors
     * @throws IllegalArgumentException if an extent cannot be described: it lies in no file, is not made of whole sectors
     *     of 512 bytes, or its file's name holds a quote or a line break
     */
    public static String of(FlattenedDevice device) {
        StringBuilder text = new StringBuilder()
                .append("# Disk DescriptorFile\n")
                .append("version=1\n")
                .append("CID=")
                .append(contentId(device))
                .append('\n')
                .append("parentCID=ffffffff\n")
                .append("createType=\"twoGbMaxExtentFlat\"\n\n")
                .append("# Extent description\n");
        for (Extent extent : device.extents()) {
            appendExtent(text, extent);
        }
        long cylinders = Math.min(MAX_CYLINDERS, Math.ceilDiv(sectors(device.sizeBytes()), HEADS * SECTORS_PER_TRACK));
        return text.append("\n# The Disk Data Base\n#DDB\n\n")
                .append("ddb.virtualHWVersion = \"4\"\n")
                .append("ddb.geometry.cylinders = \"" + cylinders + "\"\n")
                .append("ddb.geometry.heads = \"" + HEADS + "\"\n")
                .append("ddb.geometry.sectors = \"" + SECTORS_PER_TRACK + "\"\n")
                .append("ddb.adapterType = \"ide\"\n")
                .toString();
    }

    /** An identifier of the content: from the root hash, and not one of the two values that mean something else. */
    private static String contentId(FlattenedDevice device) {
        String id = device.rootHash().hex().substring(0, 8);
        return id.equals("ffffffff") || id.equals("fffffffe") ? "00000001" : id;
    }

    private static void appendExtent(StringBuilder text, Extent extent) {
        if (!(extent instanceof Extent.FileExtent file)) {
            throw new IllegalArgumentException("an extent in no file at byte " + extent.startByte());
        }
        long sectors = sectors(file.lengthBytes());
        long startSector = sectors(file.fileOffsetBytes());
        for (long at = 0; at < sectors; at += MAX_EXTENT_SECTORS) {
            // RW, though nobody writes: QEMU skips extents of another kind, and ZERO ones too.
            text.append("RW ")
                    .append(Math.min(sectors - at, MAX_EXTENT_SECTORS))
                    .append(" FLAT \"")
                    .append(checked(file.file()))
                    .append("\" ")
                    .append(startSector + at)
                    .append('\n');
        }
    }

    private static String checked(Path file) {
        String name = file.toString();
        if (name.chars().anyMatch(c -> c == '"' || Character.isISOControl(c))) {
            throw new IllegalArgumentException("a file name that a VMDK cannot hold: " + name);
        }
        return name;
    }

    private static long sectors(long bytes) {
        if (bytes % SECTOR_BYTES != 0) {
            throw new IllegalArgumentException(bytes + " bytes are not whole sectors of " + SECTOR_BYTES);
        }
        return bytes / SECTOR_BYTES;
    }
}
