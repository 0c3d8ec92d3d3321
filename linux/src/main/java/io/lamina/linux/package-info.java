/**
 * The system calls that Java lacks and that host and guest share, one thin class per subject. There is no policy here:
 * a method makes one call, names it in the exception when it fails, and leaves every decision to its caller.
 *
 * <p>Calls go through {@code java.lang.foreign}, because the guest's runtime holds {@code java.base} alone. The layouts
 * and numbers are those of Linux on x86_64 and aarch64 with glibc; each class names the header it follows.
 */
@NullMarked
package io.lamina.linux;

import org.jspecify.annotations.NullMarked;
