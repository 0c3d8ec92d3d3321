package io.lamina.host.attach;

import io.lamina.images.device.FlattenedDevice;
import io.lamina.vhostuser.block.HashTree;
import io.lamina.vhostuser.block.VerifyOnRead;
import io.lamina.vhostuser.server.DeviceSpec;

/**
 * Whether a host checks the blocks of a device, against the hash tree that it has, before a machine gets them. A machine that
 * has its own dm-verity need not be helped; this finds a bad disk or a damaged store where it is, and protects guests that
 * check nothing.
 */
public enum ReadCheck {
    /** The guest sees what the disk says. */
    OFF,
    /** Until a block was found right once. */
    ONCE,
    /** Each time that it is read. */
    ALWAYS;

    /** {@code spec}, which serves {@code device}, checked like this. */
    public DeviceSpec of(FlattenedDevice device, DeviceSpec spec) {
        if (this == OFF) {
            return spec;
        }
        HashTree tree = new HashTree(
                device.geometry().dataBlockSizeBytes(),
                device.dataBlocks(),
                device.rootHash().hex());
        return spec.verified(new VerifyOnRead(tree, this == ALWAYS));
    }

    /** What is told of a block that was found wrong. */
    public static String told(long startBytes, long count) {
        return "the block at byte " + startBytes
                + " of the device is not the one that its hash proves; the machine got an" + " I/O error instead ("
                + count + " such read" + (count == 1 ? "" : "s") + " so far)";
    }
}
