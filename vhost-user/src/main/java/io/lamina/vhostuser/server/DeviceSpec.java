package io.lamina.vhostuser.server;

import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.VerifyOnRead;
import java.util.List;
import java.util.Optional;

/**
 * A device as the data plane is told of it: files by the ids under which they were handed over. A writable one is one
 * file as it is: a single run from 0 to 0 of the device's length.
 *
 * @param queues on offer
 * @param allowUnsealedMemory see {@link ServedDevice}
 * @param runs without overlap; what lies between them reads as zeroes
 * @param verify how it is checked while it is read; empty: not at all
 */
public record DeviceSpec(
        DeviceDescription description,
        int queues,
        boolean allowUnsealedMemory,
        List<DeviceSpec.Run> runs,
        Optional<VerifyOnRead> verify) {
    public DeviceSpec {
        runs = List.copyOf(runs);
    }

    /** A device that is not checked. */
    public DeviceSpec(
            DeviceDescription description, int queues, boolean allowUnsealedMemory, List<DeviceSpec.Run> runs) {
        this(description, queues, allowUnsealedMemory, runs, Optional.empty());
    }

    /** The same device, checked while it is read. */
    public DeviceSpec verified(VerifyOnRead how) {
        return new DeviceSpec(description, queues, allowUnsealedMemory, runs, Optional.of(how));
    }

    /**
     * A read-only device, its description given in parts.
     *
     * @throws IllegalArgumentException when {@link DeviceDescription} does not take them
     */
    public DeviceSpec(
            long sizeBytes,
            int blockSizeBytes,
            String serial,
            int queues,
            boolean allowUnsealedMemory,
            List<DeviceSpec.Run> runs) {
        this(new DeviceDescription(sizeBytes, blockSizeBytes, true, serial), queues, allowUnsealedMemory, runs);
    }

    /**
     * A part of the device that lies in a file.
     *
     * @param fileId what {@link DataPlaneClient#addFile} answered
     * @param fileOffsetBytes where in the file it starts
     */
    public record Run(long startBytes, long lengthBytes, int fileId, long fileOffsetBytes) {}
}
