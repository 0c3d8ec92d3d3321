package io.lamina.images.hash;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import org.jspecify.annotations.Nullable;

/**
 * OpenSSL's {@code SHA256_Update} (<a href="https://docs.openssl.org/3.0/man3/SHA256_Init/">SHA256_Init(3)</a>). Its
 * context, a plain structure, is public in {@code openssl/sha.h} and the same in every 3.x; so its start and its end need
 * no function of the library, and binding one costs a new process ten milliseconds. Pointers are passed as addresses, so
 * that a call makes no object; the caller keeps what they point to.
 */
final class LibCrypto {
    private static final ValueLayout.OfInt RESULT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;

    private static final @Nullable SymbolLookup LIBRARY = load();

    // A constant, so that a call is compiled into its caller.
    private static final MethodHandle UPDATE =
            function("SHA256_Update", FunctionDescriptor.of(RESULT, WORD, WORD, WORD));

    private LibCrypto() {}

    /** Whether it is there to be called. */
    static boolean isInstalled() {
        return LIBRARY != null;
    }

    @SuppressWarnings("restricted") // named by its version, whose header the descriptors follow
    private static @Nullable SymbolLookup load() {
        try {
            return SymbolLookup.libraryLookup("libcrypto.so.3", Arena.global());
        } catch (IllegalArgumentException notInstalled) {
            return null; // nothing is lost but speed
        }
    }

    @SuppressWarnings("restricted") // the descriptor is that of openssl/sha.h
    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        SymbolLookup library = LIBRARY;
        return library == null
                ? MethodHandles.empty(descriptor.toMethodType()) // never called
                : Linker.nativeLinker().downcallHandle(library.findOrThrow(name), descriptor);
    }

    static void update(long context, long bytes, long length) {
        try {
            check((int) UPDATE.invokeExact(context, bytes, length));
        } catch (Throwable failure) {
            throw unexpected(failure);
        }
    }

    private static void check(int result) {
        if (result != 1) {
            throw new IllegalStateException("libcrypto: " + result);
        }
    }

    private static AssertionError unexpected(Throwable failure) {
        if (failure instanceof RuntimeException bug) {
            throw bug;
        }
        if (failure instanceof Error error) {
            throw error;
        }
        return new AssertionError("calling libcrypto", failure);
    }
}
