/**
 * Guest memory: regions that a front-end hands over by descriptor, and the way from an address of the guest or of the
 * front-end to bytes. What the guest wrote there is hostile; an address is checked here, once, before it is used.
 */
@NullMarked
package io.lamina.vhostuser.memory;

import org.jspecify.annotations.NullMarked;
