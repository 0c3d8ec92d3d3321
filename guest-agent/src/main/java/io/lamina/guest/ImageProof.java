package io.lamina.guest;

import io.lamina.agent.protocol.Start;
import io.lamina.guest.SystemDevices.BlockDevice;
import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageConfig;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.GuestPolicy.Permission;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.UpperLayer;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What is proved before anything of an image is used. Checks run in this order: enough trusted keys have signed the statement, and the policy lets it run this image; the configuration is the one
 * that the statement names; the device has the statement's size and the guest no other that it does not expect.
 *
 * @param policy the guest's own
 * @param statement the statement, signed by keys of this guest
 * @param statementDigest sha256 of the bytes that were signed
 * @param config the image's configuration, proved by the statement
 */
record ImageProof(GuestPolicy policy, ImageStatement statement, Digest statementDigest, ImageConfig config) {

    /**
     * Checks all that a message can show.
     *
     * @param now the guest's clock, which is its host's: it can find a mistake, not a lie
     * @throws RefusedException naming the first check that failed
     */
    static ImageProof of(Start start, GuestPolicy policy, Instant now) throws RefusedException {
        TrustPolicy.Admitted admitted;
        try {
            admitted = policy.trust().admit(start.getStatementEnvelope().toByteArray(), Optional.of(now));
        } catch (StatementRefusedException refused) {
            throw new RefusedException(refused);
        }
        byte[] config = start.getImageConfig().toByteArray();
        checkConfig(config, admitted.statement().image().configDigest());
        return new ImageProof(policy, admitted.statement(), admitted.payloadDigest(), config(config));
    }

    /** Checks that the device can be the one of the statement: dm-verity proves each block, but not that none is missing. */
    void checkDevice(BlockDevice device) throws RefusedException {
        checkSize(device);
        checkBlockSize(device);
    }

    private void checkSize(BlockDevice device) throws RefusedException {
        long expectedBytes = statement.verity().deviceSizeBytes();
        if (device.sizeBytes() != expectedBytes) {
            throw new RefusedException("device-size", expectedBytes + " bytes", device.sizeBytes() + " bytes");
        }
    }

    private void checkBlockSize(BlockDevice device) throws RefusedException {
        int blockBytes = statement.verity().geometry().dataBlockSizeBytes();
        if (device.logicalBlockSizeBytes() > blockBytes) {
            throw new RefusedException(
                    "device-block-size", "at most " + blockBytes + " bytes", device.logicalBlockSizeBytes() + " bytes");
        }
    }

    /** Checks that no disk is there beside those that the guest uses, unless the policy allows that. */
    static void checkOtherDisks(List<String> names, GuestPolicy policy) throws RefusedException {
        if (!names.isEmpty() && !policy.allows(Permission.DEVICES)) {
            throw new RefusedException("other-devices", "no disk beside the image's", String.join(", ", names));
        }
    }

    /** Checks that the writable layer may lie on a disk of the host's. */
    static void checkScratch(BlockDevice disk, UpperLayer upperLayer, GuestPolicy policy) throws RefusedException {
        if (upperLayer != UpperLayer.SCRATCH) {
            throw new RefusedException(
                    "scratch",
                    "no disk for a writable layer: the statement allows " + upperLayer.text(),
                    disk.node().toString());
        }
        if (!policy.allows(Permission.SCRATCH)) {
            throw new RefusedException(
                    "scratch",
                    "no disk for a writable layer, since this guest's policy does not allow it",
                    disk.node().toString());
        }
    }

    static void checkConfig(byte[] config, Digest expected) throws RefusedException {
        Digest found = Digest.ofContent(config);
        if (!found.equals(expected)) {
            throw new RefusedException("config-digest", expected.toString(), found.toString());
        }
    }

    static ImageConfig config(byte[] config) throws RefusedException {
        try {
            return ImageConfig.parse(config);
        } catch (CorruptImageException unreadable) {
            throw new RefusedException(
                    "config-format", "an OCI image configuration", String.valueOf(unreadable.getMessage()));
        }
    }
}
