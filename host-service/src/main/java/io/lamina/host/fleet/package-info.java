/**
 * Convert once per fleet: what one node has converted is published beside the image in its registry, and other nodes whose
 * policy is satisfied by the statement take it from there. There is no other engine between nodes than the registry.
 */
@NullMarked
package io.lamina.host.fleet;

import org.jspecify.annotations.NullMarked;
