package io.lamina.host.run;

import io.lamina.agent.protocol.Integrity;
import io.lamina.host.attach.ReadCheck;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a run is asked for.
 *
 * @param image {@code oci:DIR[:TAG]}, {@code oci-archive:FILE} or {@code docker-archive:FILE}
 * @param command replaces the image's own when not empty
 * @param integrity when the guest checks the device
 * @param machine memory, processors, and how its disk is served
 * @param trust which statement is shown to the guest, and whom it trusts
 * @param diagnosis what is done for a look at the run
 */
public record RunOptions(
        String image,
        List<String> command,
        Integrity integrity,
        Machine machine,
        TrustOptions trust,
        Diagnosis diagnosis) {
    /**
     * A machine.
     *
     * @param memoryMiB guest memory
     * @param cpus virtual processors
     * @param verifyOnRead whether this host checks what its disk reads
     * @param scratchBytes size of a disk for the writable layer, a multiple of 4096; 0: that is in memory
     */
    public record Machine(int memoryMiB, int cpus, ReadCheck verifyOnRead, long scratchBytes) {}

    /**
     * For a look at a run.
     *
     * @param tamperOffsetBytes the byte of the device to flip on its way to the guest
     * @param keep a directory to leave the run's parts in, for a look at them afterwards
     */
    public record Diagnosis(OptionalLong tamperOffsetBytes, Optional<Path> keep) {
        /** Nothing of the kind. */
        public static final Diagnosis NONE = new Diagnosis(OptionalLong.empty(), Optional.empty());
    }
}
