/** Attachments of images to machines that others start: the files and sockets that they need, and who has them. */
@NullMarked
package io.lamina.host.shim;

import org.jspecify.annotations.NullMarked;
