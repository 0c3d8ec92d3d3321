package io.lamina.vhostuser.protocol;

import io.lamina.linux.OwnedFd;
import java.nio.ByteBuffer;

/** An answer of the back-end. */
public sealed interface Reply {
    /** A number: features, a count, or the acknowledgement of a request that asked for one (0 is success). */
    record U64(long value) implements Reply {}

    /** A ring's index and its base. */
    record VringState(int index, long num) implements Reply {}

    /** A part of the configuration space with the request's own offset and as many bytes as it asked for. */
    record Config(long offset, long flags, ByteBuffer bytes) implements Reply {}

    /** The inflight region; the descriptor is sent along and stays the sender's. */
    record Inflight(Request.InflightDescription description, OwnedFd fd) implements Reply {}

    /** {@code SET_LOG_BASE} answered with its own payload, which is what every front-end accepts. */
    record LogBase(long sizeBytes, long offsetBytes) implements Reply {}

    /** The acknowledgement of success. */
    U64 OK = new U64(0);

    /** The acknowledgement of failure. */
    U64 FAILED = new U64(1);
}
