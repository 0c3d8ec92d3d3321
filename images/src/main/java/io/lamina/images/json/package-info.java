/**
 * JSON as images carry it (RFC 8259), read strictly and within bounds, written in one way only. It is ours and small
 * because the guest agent parses with it before it trusts anything, on a machine where loading classes is slow.
 */
@NullMarked
package io.lamina.images.json;

import org.jspecify.annotations.NullMarked;
