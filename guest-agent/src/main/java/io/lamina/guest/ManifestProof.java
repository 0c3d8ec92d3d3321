package io.lamina.guest;

import io.lamina.agent.protocol.Start;
import io.lamina.guest.SystemDevices.BlockDevice;
import io.lamina.images.CorruptImageException;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.layer.IndexedLayer;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageConfig;
import io.lamina.images.oci.Manifest;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.StatementRefusedException;
import java.util.List;

/**
 * The proof of an image without a statement: the guest's policy names the manifest, the manifest names the configuration,
 * and the configuration names each layer's tar by its digest. Nobody who has converted anything need be believed.
 *
 * @param policy the guest's own
 * @param manifestDigest digest of the manifest, which the policy names
 * @param config the image's configuration
 * @param tarLengthsBytes length of each layer's tar, base first, as the host says; wrong ones give wrong digests
 */
record ManifestProof(GuestPolicy policy, Digest manifestDigest, ImageConfig config, List<Long> tarLengthsBytes) {
    /**
     * Checks all that a message can show.
     *
     * @throws RefusedException naming the first check that failed
     */
    static ManifestProof of(Start start, GuestPolicy policy) throws RefusedException {
        byte[] manifest = start.getManifest().toByteArray();
        Digest manifestDigest = Digest.ofContent(manifest);
        try {
            policy.trust().admitManifest(manifestDigest);
        } catch (StatementRefusedException refused) {
            throw new RefusedException(refused);
        }
        byte[] config = start.getImageConfig().toByteArray();
        ImageProof.checkConfig(config, configDigest(manifest));
        ManifestProof proof = new ManifestProof(
                policy, manifestDigest, ImageProof.config(config), List.copyOf(start.getTarLengthsList()));
        proof.checkLengths();
        return proof;
    }

    private static Digest configDigest(byte[] manifest) throws RefusedException {
        try {
            return Manifest.parse(manifest).config().digest();
        } catch (CorruptImageException unreadable) {
            throw new RefusedException("manifest-format", "an image manifest", String.valueOf(unreadable.getMessage()));
        }
    }

    private void checkLengths() throws RefusedException {
        if (tarLengthsBytes.size() != config.diffIds().size() || tarLengthsBytes.isEmpty()) {
            throw new RefusedException(
                    "tar-lengths",
                    config.diffIds().size() + " layers, one or more",
                    tarLengthsBytes.size() + " lengths");
        }
        for (long length : tarLengthsBytes) {
            if (length < 1 || length > 1L << 50 || length % IndexedLayer.BLOCK_SIZE_BYTES != 0) {
                throw new RefusedException(
                        "tar-lengths", "whole blocks of a tar, up to 2^50 bytes", Long.toUnsignedString(length));
            }
        }
    }

    /** Checks that the tars, each filled up, are all that the device has. */
    void checkDevice(BlockDevice device) throws RefusedException {
        long expected =
                tarLengthsBytes.stream().mapToLong(ManifestProof::alignedBytes).sum();
        if (device.sizeBytes() != expected) {
            throw new RefusedException("device-size", expected + " bytes", device.sizeBytes() + " bytes");
        }
        if (device.logicalBlockSizeBytes() > IndexedLayer.BLOCK_SIZE_BYTES) {
            throw new RefusedException(
                    "device-block-size",
                    IndexedLayer.BLOCK_SIZE_BYTES + " bytes",
                    device.logicalBlockSizeBytes() + " bytes");
        }
    }

    /** Bytes that a tar takes on the device. */
    static long alignedBytes(long tarBytes) {
        return Math.ceilDiv(tarBytes, FlattenedDevice.PART_ALIGNMENT_BYTES)
                * (long) FlattenedDevice.PART_ALIGNMENT_BYTES;
    }
}
