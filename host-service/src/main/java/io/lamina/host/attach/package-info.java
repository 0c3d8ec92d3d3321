/** What holds a snapshot outside the store: mounts of this host, and processes that use it. */
@NullMarked
package io.lamina.host.attach;

import org.jspecify.annotations.NullMarked;
