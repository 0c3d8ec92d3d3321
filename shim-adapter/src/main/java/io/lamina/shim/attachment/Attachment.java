package io.lamina.shim.attachment;

import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A machine's use of an image, complete enough for any shim: it assumes no directory layout and asks nobody else. What a
 * shim is told in its own words is a function of it.
 *
 * @param id names the lease; {@code detach} takes it
 * @param image the reference that was asked for
 * @param device the device and what proves it
 * @param layers its layers, base first
 * @param files where the device is in forms that programs open by path
 * @param access what is beside the image: socket, statement, scratch
 * @param owner whose it is, and with whom it ends
 */
public record Attachment(
        String id,
        String image,
        Device device,
        List<Layer> layers,
        SortedMap<Form, Path> files,
        Access access,
        Owner owner) {

    /** Version of the message; a reader refuses others. */
    public static final int VERSION = 1;

    /** Most extents of a device that are read or written. */
    public static final int MAX_EXTENTS = 65_536;

    /** Keeps copies. */
    public Attachment {
        layers = List.copyOf(layers);
        files = Collections.unmodifiableSortedMap(new TreeMap<>(files));
    }

    /**
     * The device.
     *
     * @param sizeBytes data and hash tree
     * @param geometry of the hash tree; sha256, format 1, a salt of 32 zero bytes
     * @param dataBlocks blocks that the root hash proves, from the start on
     * @param hashStartBlock where the tree starts, in hash blocks
     * @param rootHash the root hash
     * @param extents where the bytes are, those in no file left out; empty when nobody asked
     */
    public record Device(
            long sizeBytes,
            VerityGeometry geometry,
            long dataBlocks,
            long hashStartBlock,
            Digest rootHash,
            List<Extent.FileExtent> extents) {
        /** Keeps a copy. */
        public Device {
            extents = List.copyOf(extents);
        }

        /** What {@code device} is, with its extents where they are in files that last. */
        public static Device of(FlattenedDevice device) {
            List<Extent.FileExtent> extents = device.extents().stream()
                    .filter(Extent.FileExtent.class::isInstance)
                    .map(Extent.FileExtent.class::cast)
                    .filter(extent -> !extent.file().startsWith("/proc"))
                    .toList();
            return new Device(
                    device.sizeBytes(),
                    device.geometry(),
                    device.dataBlocks(),
                    device.hashStartBlock(),
                    device.rootHash(),
                    extents);
        }

        /** Where the hash tree starts, in bytes. */
        public long hashOffsetBytes() {
            return hashStartBlock * geometry.hashBlockSizeBytes();
        }
    }

    /**
     * A layer.
     *
     * @param diffId digest of its uncompressed tar
     * @param verityRoot dm-verity's root hash over its blob alone
     * @param blob the EROFS image
     */
    public record Layer(Digest diffId, Digest verityRoot, Path blob) {}

    /** The forms that a device may have as a file. */
    public enum Form {
        /** Data and hash tree, byte for byte. */
        RAW("raw"),
        /** A sidecar for {@link #RAW}, as containerd has it. */
        RAW_DMVERITY("rawDmverity"),
        /** An EROFS image with nothing in it, and its hash tree. */
        EMPTY("empty"),
        /** A sidecar for {@link #EMPTY}. */
        EMPTY_DMVERITY("emptyDmverity"),
        /** A descriptor whose extents are the blobs. */
        VMDK("vmdk"),
        /** {@link #RAW} with a footer, for Hyper-V guests that know EROFS. */
        EROFS_VHD("erofsVhd"),
        /** The same as a VHDX. */
        EROFS_VHDX("erofsVhdx"),
        /** The tree as ext4, with superblock, hash tree and footer: {@code layer.vhd} of hcsshim. */
        EXT4_VHD("ext4Vhd"),
        /** An empty disk to write to: {@code sandbox.vhdx} of hcsshim. */
        SCRATCH_VHDX("scratchVhdx");

        private final String key;

        Form(String key) {
            this.key = key;
        }

        /** The name in the message. */
        public String key() {
            return key;
        }
    }

    /**
     * What is beside the image.
     *
     * @param socket where vhost-user-blk is served
     * @param statement a signed image statement
     * @param scratch what the machine may write to
     * @param ext4RootHash the root hash that proves {@link Form#EXT4_VHD}, when there is one
     */
    public record Access(
            Optional<Path> socket, Optional<Path> statement, Optional<Scratch> scratch, Optional<Digest> ext4RootHash) {
        /** Nothing. */
        public static final Access NONE =
                new Access(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
    }

    /**
     * A file that a machine writes to.
     *
     * @param file a raw disk with an ext4 file system
     * @param sizeBytes of the disk
     */
    public record Scratch(Path file, long sizeBytes) {}

    /**
     * Whose an attachment is.
     *
     * @param sandbox its name for what it does; letters, digits, {@code . _ -}
     * @param pid the process with which the attachment ends; 0: none, it ends when it is detached
     * @param startTicks when that process started, in clock ticks since the boot; 0 without one
     * @param bootId which boot; empty without one
     */
    public record Owner(String sandbox, long pid, long startTicks, String bootId) {
        /** An owner that does not end by itself. */
        public static Owner lasting(String sandbox) {
            return new Owner(sandbox, 0, 0, "");
        }
    }

    /** The file in this form. */
    public Path file(Form form) {
        Path file = files.get(form);
        if (file == null) {
            throw new IllegalArgumentException("attachment " + id + " has no file of the form " + form.key()
                    + "; it has " + files.keySet().stream().map(Form::key).toList());
        }
        return file;
    }

    /** The socket. */
    public Path socket() {
        return access.socket()
                .orElseThrow(() -> new IllegalArgumentException("attachment " + id + " has no served device"));
    }

    /** This with more files. */
    public Attachment with(Map<Form, Path> more) {
        SortedMap<Form, Path> all = new TreeMap<>(files);
        all.putAll(more);
        return new Attachment(id, image, device, layers, all, access, owner);
    }
}
