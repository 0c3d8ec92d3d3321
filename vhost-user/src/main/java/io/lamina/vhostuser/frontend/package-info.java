/**
 * The driver side: connects to any vhost-user-blk back-end and uses its device, so that tests and benches can put the
 * same load on ours and on others.
 */
@NullMarked
package io.lamina.vhostuser.frontend;

import org.jspecify.annotations.NullMarked;
