package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.statement.SigningKey;
import io.lamina.linux.testing.Machine;
import io.lamina.vmtests.LaminaCommand.Result;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a guest's own policy and its host's own checks do in a machine that is really there. */
class GuestPolicyTest {
    private static final LaminaCommand LAMINA =
            new LaminaCommand(Path.of("target/lamina-home").toAbsolutePath());

    /** A byte of fsmeta's superblock, which the mount is the first to read. */
    private static final String READ_AT_THE_MOUNT = "1024";

    @TempDir
    private Path directory;

    private String image = "";

    @BeforeAll
    static void needs() {
        Machine.needsProgram("qemu-system-x86_64", "umoci", "skopeo", "xz");
    }

    @BeforeEach
    void aKeyAndAnImage() throws Exception {
        image = "oci:" + DemoImage.in(LAMINA);
        SigningKey key = SigningKey.generateEd25519();
        key.store(directory.resolve("key"));
        Files.write(directory.resolve("key.pem"), key.publicKey().orElseThrow().pem());
    }

    private String at(String name) {
        return directory.resolve(name).toString();
    }

    private Result runTampered(String onCorruption) throws Exception {
        Result policy = LAMINA.run(
                "statement",
                "policy",
                "--trust",
                at("key.pem"),
                "--on-corruption",
                onCorruption,
                "-o",
                at(onCorruption));
        assertEquals(0, policy.status(), policy::toString);
        return LAMINA.run(
                "run", "--key", at("key"), "--policy", at(onCorruption), "--tamper", READ_AT_THE_MOUNT, image);
    }

    @Test
    void aWrongBlockRestartsTheMachineWherePolicySaysSo() throws Exception {
        Result result = runTampered("restart");
        assertEquals(125, result.status(), result::toString);
        assertTrue(result.stderr().contains("the machine ended before the command did"), result::toString);
        assertTrue(result.stderr().contains("Restarting system"), result::toString);
        assertFalse(result.stderr().contains("Kernel panic"), result::toString);
        assertEquals("", result.stdout());
    }

    @Test
    void aWrongBlockPanicsTheKernelWherePolicySaysSo() throws Exception {
        Result result = runTampered("panic");
        assertEquals(125, result.status(), result::toString);
        assertTrue(
                result.stderr().contains("Kernel panic - not syncing: dm-verity device corrupted"), result::toString);
        assertEquals("", result.stdout());
    }

    @Test
    void aHostThatChecksTellsOfAWrongBlockAndTheGuestGetsAnError() throws Exception {
        Result result = LAMINA.run("run", "--verify-on-read=once", "--tamper", READ_AT_THE_MOUNT, image);
        assertEquals(125, result.status(), result::toString);
        assertTrue(
                result.stderr().contains("the block at byte 0 of the device is not the one that its hash proves"),
                result::toString);
        assertEquals("", result.stdout());
    }

    @Test
    void theWritableLayerLiesEncryptedOnADisk() throws Exception {
        String script = "grep -o upperdir=/run/lamina/scratch /proc/mounts; dd if=/dev/zero of=/big bs=1M count=40 "
                + "2>/dev/null; sync; echo 3 >/proc/sys/vm/drop_caches; md5sum </big";
        Result result =
                LAMINA.run("run", "--verify-on-read=always", "--scratch", "64M", image, "--", "/bin/sh", "-c", script);
        assertEquals(0, result.status(), result::toString);
        assertEquals(
                "upperdir=/run/lamina/scratch\nec8bb3b24d5b0f1b5bdf8c8f0f541ee6  -\n",
                result.stdout(),
                result::toString);
    }
}
