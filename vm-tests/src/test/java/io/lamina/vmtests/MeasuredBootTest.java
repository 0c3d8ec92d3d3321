package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.evidence.Evidence;
import io.lamina.images.statement.MeasuredStatement;
import io.lamina.images.statement.SigningKey;
import io.lamina.linux.testing.Machine;
import io.lamina.vmtests.LaminaCommand.Result;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine that OVMF has booted from a unified kernel image, with swtpm for a TPM: what it shows, and who believes it. */
class MeasuredBootTest {
    private static final LaminaCommand LAMINA =
            new LaminaCommand(Path.of("target/lamina-home").toAbsolutePath());
    private static final Path FIRMWARE = Path.of("/usr/share/ovmf/OVMF.fd");
    private static final Path STUB = Path.of("/usr/lib/systemd/boot/efi/linuxx64.efi.stub");
    private static final String NONCE = "00112233445566778899aabbccddeeff";

    @TempDir
    private Path directory;

    @Test
    void theRegistersAreThePredictedOnesAndNothingElseIsBelieved() throws Exception {
        Machine.needsProgram("qemu-system-x86_64", "swtpm", "umoci", "xz");
        Machine.need(Files.exists(FIRMWARE) && Files.exists(STUB), "OVMF and the boot stub of systemd");
        Path layout = DemoImage.in(LAMINA);
        SigningKey key = SigningKey.generateEd25519();
        key.store(directory.resolve("key"));
        Files.write(directory.resolve("key.pem"), key.publicKey().orElseThrow().pem());
        good("statement", "create", "oci:" + layout, "--reference", "demo", "--key", at("key"), "-o", at("statement"));
        good("statement", "policy", "--trust", at("key.pem"), "--allow-image", "demo", "-o", at("policy"));
        good("statement", "policy", "--trust", at("key.pem"), "-o", at("other-policy"));

        Process tpm = new ProcessBuilder(
                        "swtpm",
                        "socket",
                        "--tpm2",
                        "--tpmstate",
                        "dir=" + directory,
                        "--ctrl",
                        "type=unixio,path=" + at("tpm"),
                        "--flags",
                        "startup-clear")
                .inheritIO()
                .start();
        try {
            for (int i = 0; i < 200 && Files.notExists(directory.resolve("tpm")); i++) {
                Thread.sleep(50);
            }
            Result run = good(
                    "run",
                    "--statement",
                    at("statement"),
                    "--policy",
                    at("policy"),
                    "--tpm",
                    at("tpm"),
                    "--nonce",
                    NONCE,
                    "--evidence",
                    at("evidence"),
                    "oci:" + layout,
                    "--",
                    "echo",
                    "measured");
            assertEquals("measured\n", run.stdout());
        } finally {
            tpm.destroy();
            tpm.waitFor();
        }

        Evidence evidence = Evidence.parse(Files.readAllBytes(directory.resolve("evidence")));
        Files.writeString(directory.resolve("ak.pem"), evidence.attestationKey());
        String pcr = good("statement", "pcr", at("statement"), "--json").stdout();
        assertTrue(pcr.contains(evidence.registers().get(MeasuredStatement.PCR).hex()), pcr);

        Result verified = verify("policy", evidence);
        assertEquals(0, verified.status(), verified::toString);
        Result otherPolicy = verify("other-policy", evidence);
        assertEquals(123, otherPolicy.status(), otherPolicy::toString);
        assertTrue(otherPolicy.stderr().contains("evidence-boot: expected register 11"), otherPolicy::toString);
    }

    private Result verify(String policy, Evidence evidence) throws Exception {
        String measured =
                good("guest", "measure", "--policy", at(policy), "--json").stdout();
        String register11 = measured.replaceFirst("(?s).*\"pcr11\":\"([0-9a-f]{64})\".*", "$1");
        String boot = Stream.of(0, 2, 4, 7)
                .map(register ->
                        register + "=" + evidence.registers().get(register).hex())
                .collect(Collectors.joining(","));
        return LAMINA.run(
                "verify-evidence",
                at("evidence"),
                "--statement",
                at("statement"),
                "--nonce",
                NONCE,
                "--attestation-key",
                at("ak.pem"),
                "--register",
                boot + ",11=" + register11);
    }

    private static Result good(String... arguments) throws Exception {
        Result result = LAMINA.run(arguments);
        assertEquals(0, result.status(), () -> List.of(arguments) + ": " + result);
        return result;
    }

    private String at(String name) {
        return directory.resolve(name).toString();
    }
}
