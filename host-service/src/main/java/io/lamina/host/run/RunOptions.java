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
 * @param task what is done in the image
 * @param integrity when the guest checks the device
 * @param machine memory, processors, and how its disk is served
 * @param trust which statement is shown to the guest, and whom it trusts
 * @param diagnosis what is done for a look at the run
 */
public record RunOptions(
        String image, Task task, Integrity integrity, Machine machine, TrustOptions trust, Diagnosis diagnosis) {
    /**
     * What is done in an image.
     *
     * @param command replaces the image's own when not empty
     * @param environment {@code NAME=value}, over the image's variables
     * @param input whether the command reads this process's standard input
     * @param terminal the size of a terminal for the command; empty: pipes
     */
    public record Task(List<String> command, List<String> environment, boolean input, Optional<TerminalSize> terminal) {
        /** The image's own command. */
        public static final Task OWN_COMMAND = new Task(List.of(), List.of(), false, Optional.empty());

        /** Keeps copies. */
        public Task {
            command = List.copyOf(command);
            environment = List.copyOf(environment);
        }
    }

    /**
     * A terminal's size in characters.
     *
     * @param rows 1 to 65535
     * @param columns 1 to 65535
     */
    public record TerminalSize(int rows, int columns) {}

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
