/** What tests of every module need of the machine they run on, asked for in one way. */
package io.lamina.linux.testing;
