/**
 * What a virtual machine boots: a stock Debian kernel, and an initramfs with a Java runtime and the guest agent. The same
 * inputs give the same bytes, so that what a machine is measured to have booted can be known beforehand.
 */
@NullMarked
package io.lamina.host.guestimage;

import org.jspecify.annotations.NullMarked;
