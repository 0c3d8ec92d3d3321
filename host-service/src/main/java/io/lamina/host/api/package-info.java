/** The daemon: its socket, its services, its start and its end. */
@NullMarked
package io.lamina.host.api;

import org.jspecify.annotations.NullMarked;
