package io.lamina.host.run;

import java.nio.file.Path;
import java.util.HexFormat;

/**
 * A machine with firmware and a TPM, booted from a unified kernel image, so that all of it is measured.
 *
 * @param tpm swtpm's control socket
 * @param firmware UEFI firmware that measures, such as OVMF
 * @param stub systemd's boot stub
 * @param nonce what a verifier wants to see signed, in hex
 * @param evidence where the guest's evidence goes
 */
public record EvidenceOptions(Path tpm, Path firmware, Path stub, String nonce, Path evidence) {
    byte[] nonceBytes() {
        return HexFormat.of().parseHex(nonce);
    }
}
