package io.lamina.vhostuser.server;

import java.util.List;

/**
 * A read-only device as the data plane is told of it: files by the ids under which they were handed over.
 *
 * @param sizeBytes a multiple of the logical block size
 * @param blockSizeBytes the logical block size, a power of two from 512 to 4096
 * @param serial up to 20 ASCII characters
 * @param queues on offer
 * @param allowUnsealedMemory see {@link ServedDevice}
 * @param runs without overlap; what lies between them reads as zeroes
 */
public record DeviceSpec(
        long sizeBytes, int blockSizeBytes, String serial, int queues, boolean allowUnsealedMemory, List<Run> runs) {
    public DeviceSpec {
        runs = List.copyOf(runs);
    }

    /**
     * A part of the device that lies in a file.
     *
     * @param fileId what {@link DataPlaneClient#addFile} answered
     * @param fileOffsetBytes where in the file it starts
     */
    public record Run(long startBytes, long lengthBytes, int fileId, long fileOffsetBytes) {}
}
