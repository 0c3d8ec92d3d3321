package io.lamina.host.guestimage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.TrustedKeys;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CpioArchiveTest {
    @Test
    void anotherProgramUnpacksWhatWasPutIn(@TempDir Path directory) throws Exception {
        Machine.needsProgram("busybox");
        Path archive = directory.resolve("archive");
        byte[] content = "a b c".repeat(1000).getBytes(StandardCharsets.US_ASCII);
        try (CpioArchive cpio = new CpioArchive(Files.newOutputStream(archive))) {
            cpio.directory("d");
            cpio.file("d/program", CpioArchive.EXECUTABLE, content);
            cpio.file("d/empty", CpioArchive.PLAIN, new byte[0]);
            cpio.symbolicLink("d/link", "../elsewhere");
        }
        Path target = Files.createDirectory(directory.resolve("target"));
        String _ = Tool.run(target, List.of("busybox", "cpio", "-i", "-F", archive.toString()));
        assertArrayEquals(content, Files.readAllBytes(target.resolve("d/program")));
        assertTrue(Files.isExecutable(target.resolve("d/program")));
        assertEquals(0, Files.size(target.resolve("d/empty")));
        assertEquals(Path.of("../elsewhere"), Files.readSymbolicLink(target.resolve("d/link")));
    }

    @Test
    void initdataIsTheSameForTheSamePolicyAndMultiplesOfFourBytesLong() {
        GuestPolicy policy = GuestPolicy.standard(new TrustPolicy(
                new TrustedKeys(List.of(SigningKey.generateEd25519().publicKey().orElseThrow())),
                1,
                TrustPolicy.Revocations.NONE,
                List.of(ImageRule.ANY)));
        byte[] initdata = Initdata.of(policy);
        assertArrayEquals(initdata, Initdata.of(policy));
        assertEquals(0, initdata.length % 4);
        String text = new String(initdata, StandardCharsets.UTF_8);
        assertTrue(text.contains(new String(policy.write(), StandardCharsets.UTF_8)), text);
    }

    @Test
    void aFailedToolTellsWhatItSaid(@TempDir Path directory) {
        IOException failure = assertThrows(
                IOException.class, () -> Tool.run(directory, List.of("sh", "-c", "echo no such luck; exit 3")));
        assertEquals("sh -c echo no such luck; exit 3 ended with status 3: no such luck", failure.getMessage());
    }

    @Test
    void aModuleNamesWhatItNeeds() {
        byte[] module = "ELF\0license=GPL\0depends=dm-mod,dm-bufio\0name=x\0".getBytes(StandardCharsets.ISO_8859_1);
        assertEquals(List.of("dm-mod", "dm-bufio"), KernelModules.depends(module));
        assertEquals(List.of(), KernelModules.depends("\0depends=\0".getBytes(StandardCharsets.ISO_8859_1)));
        assertEquals(List.of(), KernelModules.depends(new byte[3]));
    }
}
