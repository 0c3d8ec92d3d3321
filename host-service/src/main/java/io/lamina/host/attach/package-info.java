/**
 * What holds a device or a snapshot outside the store: the process that serves devices and the sockets on which front-ends
 * find them, mounts of this host, and the processes that use them.
 */
@NullMarked
package io.lamina.host.attach;

import org.jspecify.annotations.NullMarked;
