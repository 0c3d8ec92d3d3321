/**
 * What a guest can show of itself: a TPM's word on what was booted and which statement was measured (TCG, "Trusted Platform
 * Module 2.0 Library", version 1.59). Everything here comes from the guest's host and is hostile until it is verified.
 */
@NullMarked
package io.lamina.images.evidence;

import org.jspecify.annotations.NullMarked;
