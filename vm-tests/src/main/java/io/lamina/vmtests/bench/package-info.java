/** Benchmarks: our engine and the programs that it competes with, on the same work, in turns. */
@NullMarked
package io.lamina.vmtests.bench;

import org.jspecify.annotations.NullMarked;
