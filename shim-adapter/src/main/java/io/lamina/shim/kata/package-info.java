/**
 * What Kata Containers' two runtimes take (read at commit 7c6ba40c, 4.1.0): mount lists, volumes, and the files beside
 * them. Route letters are those of {@code docs/runtimes.md}.
 */
@NullMarked
package io.lamina.shim.kata;

import org.jspecify.annotations.NullMarked;
