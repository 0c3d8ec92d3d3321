/** The rules by which a bundle and a request say together what a container's root is made of. */
@NullMarked
package io.lamina.shim.bundle;

import org.jspecify.annotations.NullMarked;
