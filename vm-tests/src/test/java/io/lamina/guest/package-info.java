/** The agent as the attack suite drives it: its own classes, or mutants of them, on a host's terms. */
package io.lamina.guest;
