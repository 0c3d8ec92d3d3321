/** What an operator sees and says: configuration, metrics, the words to systemd. */
@NullMarked
package io.lamina.host.ops;

import org.jspecify.annotations.NullMarked;
