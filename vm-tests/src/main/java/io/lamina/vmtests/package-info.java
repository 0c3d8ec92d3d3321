/** End-to-end tests in virtual machines, and the rules of the house. Its main code will be what other suites boot with. */
@NullMarked
package io.lamina.vmtests;

import org.jspecify.annotations.NullMarked;
