package io.lamina.guest;

import io.lamina.images.CorruptImageException;
import io.lamina.images.statement.GuestPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * The policy of this guest: the file {@code policy.json} of its initramfs, which is measured with the kernel. Nothing of it
 * ever comes from a device, a message or the kernel's command line.
 */
final class MeasuredPolicy {
    private static final String FILE = "policy.json";

    /** Far above 32 keys and as many rules; keeps a wrong file from filling the memory. */
    private static final long MAX_FILE_BYTES = 256 << 10;

    private MeasuredPolicy() {}

    /**
     * Reads {@code directory/policy.json}.
     *
     * @throws RefusedException if there is none, or it is not understood in every part
     */
    static GuestPolicy load(Path directory) throws IOException, RefusedException {
        Path file = directory.resolve(FILE);
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw refused(file + " of " + Files.size(file) + " bytes");
            }
            return GuestPolicy.parse(Files.readAllBytes(file));
        } catch (NoSuchFileException none) {
            throw refused("none");
        } catch (CorruptImageException notUnderstood) {
            throw refused(String.valueOf(notUnderstood.getMessage()));
        }
    }

    private static RefusedException refused(String found) {
        return new RefusedException("policy", "a policy with trusted keys in this guest's initramfs", found);
    }
}
