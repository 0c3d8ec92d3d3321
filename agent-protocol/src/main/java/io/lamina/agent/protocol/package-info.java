/** What the host and the guest agent say to each other: {@code agent.proto}, and the frames that carry it. */
@NullMarked
package io.lamina.agent.protocol;

import org.jspecify.annotations.NullMarked;
