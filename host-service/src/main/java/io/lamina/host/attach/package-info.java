/** Served devices: the process that serves them, and the sockets on which front-ends find them. */
@NullMarked
package io.lamina.host.attach;

import org.jspecify.annotations.NullMarked;
