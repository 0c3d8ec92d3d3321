/**
 * Registries (OCI distribution-spec v1.1.1): pulling into the images of this machine, pushing from them, referrers. One small
 * client on {@code java.net.http}. What a registry says is outside input: every answer has a bound, every byte a digest.
 */
@NullMarked
package io.lamina.host.registry;

import org.jspecify.annotations.NullMarked;
