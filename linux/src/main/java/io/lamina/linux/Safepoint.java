package io.lamina.linux;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** A point in the program at which the virtual machine delivers what it has put off. */
public final class Safepoint {
    private static final MethodHandle GETPPID = Libc.handle("getppid", FunctionDescriptor.of(ValueLayout.JAVA_INT));

    private Safepoint() {}

    /**
     * Makes a call of no effect. Touching a page that a mapped file has lost raises an {@link InternalError}, and
     * compiled code raises it late; after this call it has been raised.
     */
    public static void pass() {
        try {
            int ignored = (int) GETPPID.invokeExact();
        } catch (Throwable failure) {
            throw Libc.unexpected("getppid", failure);
        }
    }
}
