package io.lamina.guest;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.evidence.Evidence;
import io.lamina.images.evidence.EvidenceVerifier;
import io.lamina.images.evidence.EvidenceVerifier.Expectation;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.MeasuredStatement;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.TrustedKey;
import io.lamina.images.statement.TrustedKeys;
import io.lamina.linux.testing.Machine;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The agent's talk with a TPM that is not ours (swtpm), and what a verifier makes of it. */
class EvidenceTest {
    private static final byte[] NONCE = "a nonce of the verifier's".getBytes(StandardCharsets.US_ASCII);
    private static final Digest STATEMENT = Digest.ofContent(NONCE);

    private static final Evidence.Event EVENT =
            new Evidence.Event(MeasuredStatement.PCR, Evidence.STATEMENT_EVENT, STATEMENT);

    @TempDir
    static Path directory;

    private static Process swtpm;
    private static Evidence evidence;
    private static Digest registerBefore;

    @BeforeAll
    static void measureOnce() throws Exception {
        Machine.needsProgram("swtpm");
        Path server = directory.resolve("server");
        swtpm = new ProcessBuilder(
                        "swtpm",
                        "socket",
                        "--tpm2",
                        "--tpmstate",
                        "dir=" + directory,
                        "--server",
                        "type=unixio,path=" + server,
                        "--ctrl",
                        "type=unixio,path=" + directory.resolve("control"),
                        "--flags",
                        "startup-clear")
                .inheritIO()
                .start();
        for (int i = 0; i < 200 && Files.notExists(server); i++) {
            Thread.sleep(50);
        }
        try (SocketChannel socket = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            socket.connect(UnixDomainSocketAddress.of(server));
            Tpm tpm = new Tpm(Channels.newInputStream(socket), Channels.newOutputStream(socket));
            registerBefore = tpm.read(List.of(MeasuredStatement.PCR)).get(MeasuredStatement.PCR);
            evidence = Measurement.measure(tpm, EVENT, NONCE).orElseThrow();
            Tpm.Key again = tpm.attestationKey();
            assertEquals(32, again.x().length);
        }
    }

    @AfterAll
    static void end() {
        if (swtpm != null) {
            swtpm.destroy();
        }
    }

    @Test
    void theRegisterIsThePredictedOne() throws Exception {
        assertEquals(Digest.of(new byte[32]), registerBefore);
        assertEquals(MeasuredStatement.pcrAfter(STATEMENT), evidence.registers().get(MeasuredStatement.PCR));
        verify(evidence, expected());
    }

    @Test
    void writtenEvidenceIsReadAgain() throws Exception {
        Evidence read = Evidence.parse(evidence.write());
        assertArrayEquals(evidence.write(), read.write());
        verify(read, expected());
    }

    @Test
    void eachPartIsRequired() throws Exception {
        Expectation good = expected();
        byte[] otherNonce = "another nonce of the verifier's".getBytes(StandardCharsets.US_ASCII);
        refused("evidence-nonce", evidence, new Expectation(otherNonce, good.attestationKey(), good.boot(), STATEMENT));
        refused("evidence-signature", evidence, new Expectation(NONCE, otherKey(), good.boot(), STATEMENT));
        for (int register : EvidenceVerifier.BOOT_REGISTERS) {
            Map<Integer, Digest> boot = new TreeMap<>(good.boot());
            boot.put(register, Digest.ofContent(NONCE));
            refused("evidence-boot", evidence, new Expectation(NONCE, good.attestationKey(), boot, STATEMENT));
        }
        refused(
                "evidence-statement",
                evidence,
                new Expectation(NONCE, good.attestationKey(), good.boot(), Digest.ofContent(otherNonce)));
        assertThrows(
                IllegalArgumentException.class,
                () -> new Expectation(NONCE, good.attestationKey(), Map.of(), STATEMENT));
        assertThrows(
                IllegalArgumentException.class,
                () -> new Expectation(new byte[15], good.attestationKey(), good.boot(), STATEMENT));
    }

    @Test
    void whatTheHostChangesIsFound() throws Exception {
        SortedMap<Integer, Digest> registers = new TreeMap<>(evidence.registers());
        registers.put(4, Digest.ofContent(NONCE));
        refused("evidence-registers", with(registers, evidence.quote(), evidence.log()), expected());
        registers = new TreeMap<>(evidence.registers());
        registers.remove(9);
        refused("evidence-registers", with(registers, evidence.quote(), evidence.log()), expected());
        refused("evidence-log", with(evidence.registers(), evidence.quote(), List.of()), expected());
        Evidence.Event twice = evidence.log().getFirst();
        refused("evidence-log", with(evidence.registers(), evidence.quote(), List.of(twice, twice)), expected());
        Evidence.Event renamed = new Evidence.Event(twice.register(), "another", twice.digest());
        refused("evidence-statement", with(evidence.registers(), evidence.quote(), List.of(renamed)), expected());
        for (int i = 0; i < evidence.quote().length; i++) {
            byte[] changed = evidence.quote().clone();
            changed[i] ^= 1;
            refused("evidence-signature", with(evidence.registers(), changed, evidence.log()), expected());
        }
    }

    @Test
    void changedEvidenceIsReadWithinBoundsOrRefused() {
        Random random = new Random(0x7b);
        byte[] json = evidence.write();
        for (int round = 0; round < 2000; round++) {
            byte[] changed = json.clone();
            for (int i = 0; i <= random.nextInt(4); i++) {
                changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
            }
            try {
                Evidence.parse(changed);
            } catch (CorruptImageException expected) {
                assertTrue(String.valueOf(expected.getMessage()).length() < 1000);
            }
        }
    }

    @Test
    void aTpmThatAnswersRubbishIsAnError() {
        byte[][] answers = {
            {},
            new byte[10],
            {(byte) 0x80, 2, 0, 0, 0, 10, 0, 0, 1, 1},
            {(byte) 0x80, 2, 0, 0, 0, 12, 0, 0, 0, 0, (byte) 0xff, (byte) 0xff}
        };
        for (byte[] answer : answers) {
            Tpm tpm = new Tpm(new ByteArrayInputStream(answer), new ByteArrayOutputStream());
            assertThrows(Exception.class, () -> Measurement.measure(tpm, EVENT, NONCE));
        }
    }

    @Test
    void theRtmrOfATdxGuestIsExtendedWhereItIs() throws IOException {
        Path sysfs = Files.createDirectory(directory.resolve("sys"));
        Rtmr.extend(sysfs, STATEMENT);
        Path register = sysfs.resolve("devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384");
        Files.createDirectories(register.getParent());
        Files.createFile(register);
        Rtmr.extend(sysfs, STATEMENT);
        assertEquals(48, Files.size(register));
    }

    private static Expectation expected() throws Exception {
        Map<Integer, Digest> boot = new TreeMap<>();
        for (int register : EvidenceVerifier.BOOT_REGISTERS) {
            boot.put(register, evidence.registers().get(register));
        }
        return new Expectation(NONCE, key(evidence.attestationKey()), boot, STATEMENT);
    }

    private static TrustedKey key(String pem) throws Exception {
        return TrustedKeys.ofPem(List.of(pem.getBytes(StandardCharsets.US_ASCII)))
                .keys()
                .getFirst();
    }

    private static TrustedKey otherKey() {
        return io.lamina.images.statement.SigningKey.generateEcdsaP256()
                .publicKey()
                .orElseThrow();
    }

    private static Evidence with(SortedMap<Integer, Digest> registers, byte[] quote, List<Evidence.Event> log) {
        return new Evidence(registers, quote, evidence.signature(), evidence.attestationKey(), log);
    }

    private static void verify(Evidence shown, Expectation expected) throws StatementRefusedException {
        EvidenceVerifier.verify(shown, expected);
    }

    private static void refused(String check, Evidence shown, Expectation expected) {
        assertEquals(
                check,
                assertThrows(StatementRefusedException.class, () -> verify(shown, expected))
                        .check());
    }
}
