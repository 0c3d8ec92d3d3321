/**
 * The serving side: event loops, connections and their rings, and the data-plane process with its control socket.
 *
 * <p>A connection, its rings and its guest memory belong to one event loop; nothing of them is locked. A request that
 * would wait for a disk goes on in {@link io.lamina.vhostuser.server.SlowLane}, and comes back to the loop when done.
 */
@NullMarked
package io.lamina.vhostuser.server;

import org.jspecify.annotations.NullMarked;
