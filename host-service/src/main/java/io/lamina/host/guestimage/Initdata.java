package io.lamina.host.guestimage;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Whom a guest trusts and what it allows, as a cpio archive that a launcher appends to the initramfs. The kernel unpacks
 * one after the other, so these files lie in the guest's memory before its first process starts, and a measured boot
 * covers them.
 */
public final class Initdata {
    private Initdata() {}

    /**
     * The archive.
     *
     * @param publicKeyPems whose signatures count
     * @param threshold how many of them must have signed; 1 or more
     * @param allowIntegrityOff whether the host may ask the guest to mount an image without dm-verity
     */
    public static byte[] of(List<byte[]> publicKeyPems, int threshold, boolean allowIntegrityOff) {
        if (threshold < 1 || threshold > publicKeyPems.size()) {
            throw new IllegalArgumentException(
                    "a threshold of " + threshold + " with " + publicKeyPems.size() + " keys");
        }
        String policy = "{\"threshold\":" + threshold + ",\"allowIntegrityOff\":" + allowIntegrityOff + "}\n";
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (CpioArchive archive = new CpioArchive(bytes)) {
            archive.directory("lamina");
            archive.directory("lamina/trust");
            int number = 0;
            for (byte[] pem : publicKeyPems) {
                archive.file("lamina/trust/" + number++ + ".pem", CpioArchive.PLAIN, pem);
            }
            archive.file("lamina/policy.json", CpioArchive.PLAIN, policy.getBytes(StandardCharsets.UTF_8));
        } catch (IOException impossible) {
            throw new AssertionError("writing to memory", impossible);
        }
        return bytes.toByteArray();
    }
}
