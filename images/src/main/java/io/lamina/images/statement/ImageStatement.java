package io.lamina.images.statement;

import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import java.util.List;

/**
 * What an image looks like to a guest, complete enough that the guest needs nobody else's word: which image, which
 * parts in which order, and the dm-verity table that proves each block of them. Instances agree with themselves; the
 * constructors throw {@link IllegalArgumentException} otherwise.
 *
 * @param image which image this is
 * @param contents what the data part of the device holds
 * @param verity the dm-verity table over that data
 * @param upperLayer which writable layer may lie over it
 * @param validity when the statement is meant to be used
 */
public record ImageStatement(
        Image image, Contents contents, VerityTable verity, UpperLayer upperLayer, Validity validity) {
    /** Most layers: what the device table of an EROFS image can number. */
    public static final int MAX_LAYERS = 65535;

    /** Checks that the parts, each filled up to {@link FlattenedDevice#PART_ALIGNMENT_BYTES}, are as many blocks as the table covers. */
    public ImageStatement {
        int blockSizeBytes = verity.geometry().dataBlockSizeBytes();
        long blocks = contents.alignedBlocks(blockSizeBytes);
        require(
                blocks == verity.dataBlocks(),
                "dataBlocks is that of fsmeta and layers, " + blocks,
                verity.dataBlocks());
    }

    /**
     * Which image.
     *
     * @param reference its name, such as {@code docker.io/library/debian:12}; 1 to 512 printable characters
     * @param manifestDigest digest of its manifest
     * @param configDigest digest of its configuration, which has Entrypoint, Env, User and more
     * @param version a number that grows with each image of this name, so that a guest can refuse older ones; 0 if not
     *     used
     */
    public record Image(String reference, Digest manifestDigest, Digest configDigest, long version) {
        /** Checks the ranges. */
        public Image {
            require(
                    !reference.isBlank()
                            && reference.length() <= 512
                            && reference
                                    .chars()
                                    .noneMatch(c -> Character.isISOControl(c) || Character.isSurrogate((char) c)),
                    "reference has 1 to 512 printable characters",
                    reference);
            require(version >= 0, "version is not negative", version);
        }
    }

    /**
     * What the data part of the device holds, in its order.
     *
     * @param formatVersion version of the rules by which layers become blobs and blobs fsmeta; 1 or more
     * @param fsmeta the merged metadata, at the device's start
     * @param layers the layers, base first
     */
    public record Contents(int formatVersion, Fsmeta fsmeta, List<Layer> layers) {
        /** Checks the ranges. */
        public Contents {
            layers = List.copyOf(layers);
            require(formatVersion >= 1, "formatVersion is 1 or more", formatVersion);
            require(layers.size() <= MAX_LAYERS, "at most " + MAX_LAYERS + " layers", layers.size());
        }

        /** Blocks of all parts, each filled up to {@link FlattenedDevice#PART_ALIGNMENT_BYTES}. */
        long alignedBlocks(int blockSizeBytes) {
            long unit = FlattenedDevice.PART_ALIGNMENT_BYTES / blockSizeBytes;
            long sum = Math.ceilDiv(fsmeta.blocks, unit) * unit;
            for (Layer layer : layers) {
                sum += Math.ceilDiv(layer.blocks, unit) * unit;
            }
            return sum;
        }
    }

    /**
     * The merged metadata.
     *
     * @param digest sha256 of its bytes
     * @param blocks its length in data blocks, 1 to {@link VerityGeometry#MAX_DATA_BLOCKS}
     */
    public record Fsmeta(Digest digest, long blocks) {
        /** Checks the range. */
        public Fsmeta {
            checkBlocks(blocks);
        }
    }

    /**
     * One layer.
     *
     * @param diffId digest of its uncompressed tar
     * @param blocks length of its blob in data blocks, 1 to {@link VerityGeometry#MAX_DATA_BLOCKS}
     * @param verityRoot dm-verity root hash of its blob alone
     */
    public record Layer(Digest diffId, long blocks, Digest verityRoot) {
        /** Checks the range. */
        public Layer {
            checkBlocks(blocks);
        }
    }

    /**
     * The dm-verity table: format 1, sha256, a salt of 32 zero bytes.
     *
     * @param geometry block sizes
     * @param dataBlocks blocks that are proved, from the device's start on
     * @param hashStartBlock where the tree starts, in hash blocks from the device's start; not within the data
     * @param rootHash the hash that proves it all
     */
    public record VerityTable(VerityGeometry geometry, long dataBlocks, long hashStartBlock, Digest rootHash) {
        /** Checks the ranges. */
        public VerityTable {
            require(
                    geometry.dataBlockSizeBytes() <= 4096 && geometry.hashBlockSizeBytes() == 4096,
                    "block sizes are 512 to 4096 for data and 4096 for hashes",
                    geometry.dataBlockSizeBytes() + "/" + geometry.hashBlockSizeBytes());
            checkBlocks(dataBlocks);
            long dataBytes = dataBlocks * geometry.dataBlockSizeBytes();
            require(
                    hashStartBlock >= Math.ceilDiv(dataBytes, geometry.hashBlockSizeBytes())
                            && hashStartBlock <= 2 * VerityGeometry.MAX_DATA_BLOCKS,
                    "hashStartBlock lies behind the data",
                    hashStartBlock);
        }

        /** Length of the whole device in bytes: data, and the tree to its last block. */
        public long deviceSizeBytes() {
            return (hashStartBlock + geometry.hashBlocks(dataBlocks)) * geometry.hashBlockSizeBytes();
        }

        /** The salt, as dm-verity's table line wants it. */
        public String saltHex() {
            return "0".repeat(2 * VerityGeometry.SALT_BYTES);
        }
    }

    /**
     * What the signers of an image decide, beside what its bytes say.
     *
     * @param reference see {@link Image}
     * @param version see {@link Image}
     * @param upperLayer see {@link ImageStatement}
     * @param validity see {@link ImageStatement}
     */
    public record Terms(String reference, long version, UpperLayer upperLayer, Validity validity) {
        /** A name and nothing else: no version, an upper layer in memory, always valid. */
        public static Terms of(String reference) {
            return new Terms(reference, 0, UpperLayer.MEMORY, Validity.ALWAYS);
        }
    }

    private static void checkBlocks(long blocks) {
        require(blocks >= 1 && blocks <= VerityGeometry.MAX_DATA_BLOCKS, "blocks from 1 to 2^40", blocks);
    }

    private static void require(boolean holds, String rule, Object found) {
        if (!holds) {
            throw new IllegalArgumentException("expected that " + rule + ", found " + found);
        }
    }
}
