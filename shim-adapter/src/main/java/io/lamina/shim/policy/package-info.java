/** Fragments of guests' policies in Rego, made from image statements. */
@NullMarked
package io.lamina.shim.policy;

import org.jspecify.annotations.NullMarked;
