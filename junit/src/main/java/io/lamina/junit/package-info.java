/**
 * Virtual machines in tests: {@link io.lamina.junit.VmImage} gives them to JUnit's test methods, and
 * {@link io.lamina.junit.VirtualMachine} is for every other program. Both drive the {@code lamina} command.
 */
@NullMarked
package io.lamina.junit;

import org.jspecify.annotations.NullMarked;
