package io.lamina.images.statement;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.NamedParameterSpec;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** A private key that signs statements: Ed25519, or ECDSA over P-256. */
public final class SigningKey {
    private final SignatureAlgorithm algorithm;
    private final PrivateKey key;
    private final Optional<TrustedKey> publicKey;

    private SigningKey(SignatureAlgorithm algorithm, PrivateKey key, Optional<TrustedKey> publicKey) {
        this.algorithm = algorithm;
        this.key = key;
        this.publicKey = publicKey;
    }

    /** A new Ed25519 key. */
    public static SigningKey generateEd25519() {
        return generate(SignatureAlgorithm.ED25519, NamedParameterSpec.ED25519);
    }

    /** A new ECDSA key over P-256. */
    public static SigningKey generateEcdsaP256() {
        return generate(SignatureAlgorithm.ECDSA_P256, new ECGenParameterSpec("secp256r1"));
    }

    /**
     * The key in a PEM file: one block {@code PRIVATE KEY} (PKCS#8, not encrypted), such as {@code openssl genpkey}
     * makes, and perhaps its {@code PUBLIC KEY} beside it, as {@link #pem} writes it.
     *
     * @throws InvalidKeySpecException if the file has something else, or a public key that belongs to another
     */
    public static SigningKey ofPem(byte[] file) throws InvalidKeySpecException {
        List<Pem.Block> blocks = Pem.parse(file);
        Optional<byte[]> privateDer = only(blocks, Pem.PRIVATE_KEY);
        Optional<byte[]> publicDer = only(blocks, Pem.PUBLIC_KEY);
        if (privateDer.isEmpty()) {
            throw new InvalidKeySpecException(
                    "a key file without a block " + Pem.PRIVATE_KEY + " (PKCS#8, not encrypted)");
        }
        Optional<TrustedKey> publicKey =
                publicDer.isPresent() ? Optional.of(TrustedKey.ofDer(publicDer.get())) : Optional.empty();
        for (SignatureAlgorithm algorithm : SignatureAlgorithm.values()) {
            PrivateKey key;
            try {
                key = algorithm.privateKey(privateDer.get());
            } catch (GeneralSecurityException otherKind) {
                continue;
            }
            SigningKey result = new SigningKey(algorithm, key, publicKey);
            byte[] probe = {};
            if (publicKey.isPresent() && !publicKey.get().verifies(probe, result.sign(probe))) {
                throw new InvalidKeySpecException("a key file whose public key is not that of its private key");
            }
            return result;
        }
        throw new InvalidKeySpecException("a private key that is neither Ed25519 nor ECDSA over P-256");
    }

    /** The public half, if it is known: for a generated key, and where the PEM file had it. */
    public Optional<TrustedKey> publicKey() {
        return publicKey;
    }

    /** The key as PEM: the private key, then the public one if it is known. Whoever reads it can sign. */
    public byte[] pem() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(Pem.write(Pem.PRIVATE_KEY, key.getEncoded()));
        publicKey.ifPresent(known -> out.writeBytes(known.pem()));
        return out.toByteArray();
    }

    /** Writes {@link #pem} to the new file {@code file}, which only its owner can read. */
    public void store(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(
                file,
                Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            ByteBuffer bytes = ByteBuffer.wrap(pem());
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        } catch (IOException failure) {
            if (!(failure instanceof java.nio.file.FileAlreadyExistsException)) {
                Files.deleteIfExists(file);
            }
            throw failure;
        }
    }

    byte[] sign(byte[] message) {
        try {
            java.security.Signature signer = algorithm.signature();
            signer.initSign(key);
            signer.update(message);
            return signer.sign();
        } catch (GeneralSecurityException failure) {
            throw new IllegalStateException("signing with " + algorithm + " failed", failure);
        }
    }

    private static Optional<byte[]> only(List<Pem.Block> blocks, String label) throws InvalidKeySpecException {
        List<byte[]> found = blocks.stream()
                .filter(block -> block.label().equals(label))
                .map(Pem.Block::der)
                .toList();
        if (found.size() > 1) {
            throw new InvalidKeySpecException("a key file with " + found.size() + " blocks " + label);
        }
        return found.stream().findFirst();
    }

    private static SigningKey generate(SignatureAlgorithm algorithm, AlgorithmParameterSpec parameters) {
        try {
            KeyPairGenerator generator =
                    KeyPairGenerator.getInstance(algorithm.keyFactory().getAlgorithm());
            generator.initialize(parameters);
            KeyPair pair = generator.generateKeyPair();
            return new SigningKey(
                    algorithm, pair.getPrivate(), Optional.of(TrustedKey.of(algorithm, pair.getPublic())));
        } catch (GeneralSecurityException failure) {
            throw new IllegalStateException("this Java runtime lacks " + algorithm, failure);
        }
    }
}
