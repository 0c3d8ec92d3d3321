package io.lamina.host.guestimage;

import io.lamina.images.statement.GuestPolicy;
import java.io.ByteArrayOutputStream;
import java.io.IOException;

/**
 * Whom a guest trusts and what it allows, as a cpio archive that a launcher appends to the initramfs. The kernel unpacks
 * one after the other, so this file lies in the guest's memory before its first process starts, and a measured boot
 * covers it.
 */
public final class Initdata {
    private Initdata() {}

    /** The archive with {@code policy}; the same policy gives the same bytes. */
    public static byte[] of(GuestPolicy policy) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (CpioArchive archive = new CpioArchive(bytes)) {
            archive.directory("lamina");
            archive.file("lamina/policy.json", CpioArchive.PLAIN, policy.write());
        } catch (IOException impossible) {
            throw new AssertionError("writing to memory", impossible);
        }
        return bytes.toByteArray();
    }
}
