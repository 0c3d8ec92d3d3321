/**
 * What a guest may trust of an image: an in-toto statement in a DSSE envelope (in-toto attestation framework v1;
 * secure-systems-lab DSSE v1.0), signed by keys that the guest already has. Signatures are verified over the raw bytes
 * before anything within them is parsed.
 */
@NullMarked
package io.lamina.images.statement;

import org.jspecify.annotations.NullMarked;
