/** The command line. A command here reads its options, calls the packages that do the work, and words what they say. */
@NullMarked
package io.lamina.host.cli;

import org.jspecify.annotations.NullMarked;
