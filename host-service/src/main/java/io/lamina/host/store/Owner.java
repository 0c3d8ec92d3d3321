package io.lamina.host.store;

import io.lamina.linux.ProcessIdentity;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A process, told from a later one of its number.
 *
 * @param pid its number
 * @param startTicks when it started, in clock ticks since the boot
 * @param bootId which boot
 */
public record Owner(long pid, long startTicks, String bootId) {
    /** The process {@code pid}; empty when there is none. */
    public static Optional<Owner> of(long pid) throws IOException {
        OptionalLong start = ProcessIdentity.startTicks(pid);
        return start.isEmpty()
                ? Optional.empty()
                : Optional.of(new Owner(pid, start.getAsLong(), ProcessIdentity.bootId()));
    }

    /** This process. */
    public static Owner self() throws IOException {
        return of(ProcessHandle.current().pid()).orElseThrow(() -> new IOException("/proc does not show this process"));
    }

    /** Whether it has not ended. */
    public boolean isAlive() throws IOException {
        OptionalLong start = ProcessIdentity.startTicks(pid);
        return start.isPresent()
                && start.getAsLong() == startTicks
                && ProcessIdentity.bootId().equals(bootId);
    }
}
