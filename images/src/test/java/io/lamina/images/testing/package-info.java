/** What tests of several packages share. */
@NullMarked
package io.lamina.images.testing;

import org.jspecify.annotations.NullMarked;
