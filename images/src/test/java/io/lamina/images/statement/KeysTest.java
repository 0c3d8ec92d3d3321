package io.lamina.images.statement;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.testing.Mutations;
import io.lamina.images.testing.Programs;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.PublicKey;
import java.security.spec.InvalidKeySpecException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class KeysTest {
    private static final List<List<String>> OPENSSL_KINDS = List.of(
            List.of("-algorithm", "ed25519"), List.of("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"));

    @TempDir
    Path directory;

    /** The vector of DSSE's protocol.md. */
    @Test
    void theEncodingThatIsSignedIsThatOfTheSpecification() {
        Envelope envelope = new Envelope(
                "http://example.com/HelloWorld", "hello world".getBytes(StandardCharsets.UTF_8), List.of());
        assertEquals(
                "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
                new String(envelope.preAuthenticationEncoding(), StandardCharsets.UTF_8));
        Envelope empty = new Envelope("ä", new byte[0], List.of());
        assertEquals("DSSEv1 2 ä 0 ", new String(empty.preAuthenticationEncoding(), StandardCharsets.UTF_8));
    }

    /** A malformed signature would end early, with an exception, and link half of what the next one needs. */
    @Test
    void theWrongSignatureOfARehearsalGoesThroughTheWholeVerification() throws Exception {
        for (SigningKey key : List.of(SigningKey.generateEd25519(), SigningKey.generateEcdsaP256())) {
            byte[] der =
                    Pem.parse(key.publicKey().orElseThrow().pem()).getFirst().der();
            for (SignatureAlgorithm algorithm : SignatureAlgorithm.values()) {
                PublicKey known;
                try {
                    known = algorithm.publicKey(der);
                } catch (GeneralSecurityException ofTheOtherKind) {
                    continue;
                }
                java.security.Signature verifier = algorithm.signature();
                verifier.initVerify(known);
                assertFalse(verifier.verify(algorithm.wrongSignature(known)), algorithm.name());
            }
        }
    }

    @Test
    void opensslVerifiesWhatWeSignWithItsKeys() throws Exception {
        Machine.needsProgram("openssl");
        for (List<String> kind : OPENSSL_KINDS) {
            Path key = opensslKey(kind);
            SigningKey signer = SigningKey.ofPem(Files.readAllBytes(key));
            byte[] envelope = StatementSigner.sign(Statements.sample(), List.of(signer));
            Envelope opened = Envelope.parse(envelope);
            Path message = Files.write(directory.resolve("message"), opened.preAuthenticationEncoding());
            Path signature = Files.write(
                    directory.resolve("signature"),
                    opened.signatures().getFirst().value());
            Programs.run(openssl(kind, "-verify", key, message, "-sigfile", signature));
            Files.write(message, new byte[] {1});
            assertThrows(
                    IOException.class,
                    () -> Programs.run(openssl(kind, "-verify", key, message, "-sigfile", signature)));
        }
    }

    @Test
    void weVerifyWhatOpensslSigned() throws Exception {
        Machine.needsProgram("openssl");
        for (List<String> kind : OPENSSL_KINDS) {
            Path key = opensslKey(kind);
            Envelope unsigned =
                    new Envelope(StatementPayload.TYPE, StatementPayload.write(Statements.sample()), List.of());
            Path message = Files.write(directory.resolve("message"), unsigned.preAuthenticationEncoding());
            Path signature = directory.resolve("signature");
            Programs.run(openssl(kind, "-sign", key, message, "-out", signature));
            byte[] envelope = new Envelope(
                            unsigned.payloadType(),
                            unsigned.payload(),
                            List.of(new Envelope.Signature("", Files.readAllBytes(signature))))
                    .write();
            TrustedKeys keys = TrustedKeys.ofPem(List.of(Files.readAllBytes(directory.resolve("public.pem"))));
            assertEquals(Statements.sample(), StatementVerifier.verify(envelope, keys, 1));
        }
    }

    @Test
    void otherKindsOfKeysAreRefused() throws Exception {
        Machine.needsProgram("openssl");
        for (List<String> kind : List.of(
                List.of("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
                List.of("-algorithm", "RSA"),
                List.of("-algorithm", "ed448"),
                List.of("-algorithm", "x25519"))) {
            byte[] key = Files.readAllBytes(opensslKey(kind));
            byte[] publicKey = Files.readAllBytes(directory.resolve("public.pem"));
            assertThrows(InvalidKeySpecException.class, () -> SigningKey.ofPem(key), kind.toString());
            assertThrows(InvalidKeySpecException.class, () -> TrustedKeys.ofPem(List.of(publicKey)), kind.toString());
        }
    }

    @Test
    void storedKeysAreReadAgainAndAreTheirOwnersAlone() throws Exception {
        int number = 0;
        for (SigningKey key : List.of(SigningKey.generateEd25519(), SigningKey.generateEcdsaP256())) {
            Path file = directory.resolve("key" + number++);
            key.store(file);
            assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
            SigningKey again = SigningKey.ofPem(Files.readAllBytes(file));
            assertArrayEquals(key.pem(), again.pem());
            assertEquals(key.publicKey(), again.publicKey());
            assertThrows(FileAlreadyExistsException.class, () -> key.store(file));
            assertArrayEquals(key.pem(), Files.readAllBytes(file));
        }
    }

    @Test
    void aPrivateKeyIsNoTrustedKeyAndAStrangersPublicKeyIsNoHalfOfOne() {
        SigningKey one = SigningKey.generateEd25519();
        SigningKey two = SigningKey.generateEd25519();
        assertThrows(InvalidKeySpecException.class, () -> TrustedKeys.ofPem(List.of(one.pem())));
        assertThrows(InvalidKeySpecException.class, () -> TrustedKeys.ofPem(List.of(new byte[0])));
        byte[] publicKey = two.publicKey().orElseThrow().pem();
        assertThrows(InvalidKeySpecException.class, () -> SigningKey.ofPem(publicKey));
        String mixed = new String(one.pem(), StandardCharsets.US_ASCII);
        mixed = mixed.substring(0, mixed.indexOf("-----BEGIN PUBLIC"))
                + new String(publicKey, StandardCharsets.US_ASCII);
        byte[] bytes = mixed.getBytes(StandardCharsets.US_ASCII);
        InvalidKeySpecException refusal = assertThrows(InvalidKeySpecException.class, () -> SigningKey.ofPem(bytes));
        assertTrue(refusal.getMessage().contains("not that of its private key"), refusal.getMessage());
    }

    @Test
    void mutatedKeyFilesAreReadOrRefused() {
        byte[] trusted =
                SigningKey.generateEcdsaP256().publicKey().orElseThrow().pem();
        byte[] edwards = SigningKey.generateEd25519().publicKey().orElseThrow().pem();
        byte[] signing = SigningKey.generateEd25519().pem();
        long seed = 0xbe1;
        Random random = new Random(seed);
        for (int round = 0; round < 20_000; round++) {
            try {
                switch (round % 3) {
                    case 0 -> TrustedKeys.ofPem(List.of(Mutations.mutate(trusted, random)));
                    case 1 -> TrustedKeys.ofPem(List.of(Mutations.mutate(edwards, random)));
                    default -> SigningKey.ofPem(Mutations.mutate(signing, random));
                }
            } catch (InvalidKeySpecException refusal) {
                // As it should be.
            } catch (RuntimeException | Error escaped) {
                throw new AssertionError("seed " + seed + " round " + round, escaped);
            }
        }
    }

    private Path opensslKey(List<String> kind) throws Exception {
        Path key = directory.resolve("key.pem");
        ArrayList<String> words = new ArrayList<>(List.of("openssl", "genpkey", "-out", key.toString()));
        words.addAll(kind);
        Programs.run(words.toArray(String[]::new));
        Programs.run(
                "openssl",
                "pkey",
                "-in",
                key.toString(),
                "-pubout",
                "-out",
                directory.resolve("public.pem").toString());
        return key;
    }

    /** Ed25519 takes the message as it is ({@code -rawin}), ECDSA its sha256. */
    private static String[] openssl(
            List<String> kind, String action, Path key, Path message, String signatureOption, Path signature) {
        ArrayList<String> words = new ArrayList<>(
                List.of("openssl", "pkeyutl", action, "-inkey", key.toString(), "-rawin", "-in", message.toString()));
        words.addAll(List.of(signatureOption, signature.toString()));
        if (kind.contains("EC")) {
            words.addAll(List.of("-digest", "sha256"));
        }
        return words.toArray(String[]::new);
    }
}
