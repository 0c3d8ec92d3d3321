/**
 * What hcsshim takes for utility VMs and Windows containers (read at commit 7c9ff7f4). Nothing here runs on Windows: the
 * files are judged on Linux, the mounts by hcsshim's own rules.
 */
@NullMarked
package io.lamina.shim.hcs;

import org.jspecify.annotations.NullMarked;
