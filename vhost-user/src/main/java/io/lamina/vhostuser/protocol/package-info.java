/**
 * The vhost-user protocol as bytes on a socket: what a message looks like, which messages there are, how descriptors
 * travel with them. It knows neither rings nor devices. The specification is QEMU's
 * <a href="https://gitlab.com/qemu-project/qemu/-/blob/v10.0.0/docs/interop/vhost-user.rst">vhost-user.rst</a>; names
 * are those it uses, with the front-end being the monitor (driver side) and the back-end the device.
 */
@NullMarked
package io.lamina.vhostuser.protocol;

import org.jspecify.annotations.NullMarked;
