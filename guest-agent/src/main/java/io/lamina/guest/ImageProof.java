package io.lamina.guest;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.Start;
import io.lamina.guest.SystemDevices.BlockDevice;
import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageConfig;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.StatementVerifier;

/**
 * What is proved before anything of an image is used, in this order: the policy allows what the host asks for, the
 * statement is signed, the configuration is the one that the statement names, the device has the statement's size.
 *
 * @param statement the statement, signed by keys of this guest
 * @param config the image's configuration, proved by the statement
 */
record ImageProof(ImageStatement statement, ImageConfig config) {

    /**
     * Checks all that a message can show.
     *
     * @throws RefusedException naming the first check that failed
     */
    static ImageProof of(Start start, Trust trust) throws RefusedException {
        checkIntegrity(start.getIntegrity(), trust.policy());
        ImageStatement statement;
        try {
            statement = StatementVerifier.verify(
                    start.getStatementEnvelope().toByteArray(),
                    trust.keys(),
                    trust.policy().threshold());
        } catch (StatementRefusedException refused) {
            throw new RefusedException(refused);
        }
        return new ImageProof(statement, config(start.getImageConfig(), statement));
    }

    /** Checks that the device can be the one of the statement: dm-verity proves each block, but not that none is missing. */
    void checkDevice(BlockDevice device) throws RefusedException {
        long expectedBytes = statement.verity().deviceSizeBytes();
        if (device.sizeBytes() != expectedBytes) {
            throw new RefusedException("device-size", expectedBytes + " bytes", device.sizeBytes() + " bytes");
        }
        int blockBytes = statement.verity().geometry().dataBlockSizeBytes();
        if (device.logicalBlockSizeBytes() > blockBytes) {
            throw new RefusedException(
                    "device-block-size", "at most " + blockBytes + " bytes", device.logicalBlockSizeBytes() + " bytes");
        }
    }

    private static void checkIntegrity(Integrity integrity, Policy policy) throws RefusedException {
        switch (integrity) {
            case INTEGRITY_ROOT, INTEGRITY_EAGER -> {}
            case INTEGRITY_OFF -> {
                if (!policy.allowIntegrityOff()) {
                    throw new RefusedException(
                            "integrity", "dm-verity, since this guest's policy does not allow less", "off");
                }
            }
            case INTEGRITY_UNSPECIFIED, UNRECOGNIZED ->
                throw new RefusedException("integrity", "root, eager or off", integrity.name());
        }
    }

    private static ImageConfig config(ByteString json, ImageStatement statement) throws RefusedException {
        byte[] bytes = json.toByteArray();
        Digest expected = statement.image().configDigest();
        Digest found = Digest.ofContent(bytes);
        if (!found.equals(expected)) {
            throw new RefusedException("config-digest", expected.toString(), found.toString());
        }
        try {
            return ImageConfig.parse(bytes);
        } catch (CorruptImageException unreadable) {
            throw new RefusedException(
                    "config-format", "an OCI image configuration", String.valueOf(unreadable.getMessage()));
        }
    }
}
