package io.lamina.shim.kata;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import java.util.Map;
import java.util.Optional;

/**
 * The file {@code LAYER.dmverity} beside a layer, as containerd 2.3 and later and Kata's runtime-rs read it
 * (containerd internal/dmverity/dmverity.go). Blocks are 4096/4096 and the hash is sha256: the file cannot say.
 *
 * @param rootHash the root hash
 * @param hashOffsetBytes where superblock or tree start
 * @param salt hexadecimal; containerd writes none, and means 32 zero bytes or what the superblock says
 */
public record DmVeritySidecar(Digest rootHash, long hashOffsetBytes, Optional<String> salt) {
    /** The largest file that the shim takes. */
    public static final int MAX_BYTES = 64 << 10;

    /** A file as containerd writes it. */
    public static DmVeritySidecar of(Digest rootHash, long hashOffsetBytes) {
        return new DmVeritySidecar(rootHash, hashOffsetBytes, Optional.empty());
    }

    /** The file's bytes. */
    public byte[] write() {
        return JsonWriter.write(salt.<Map<String, Object>>map(
                        value -> Map.of("roothash", rootHash.hex(), "hashoffset", hashOffsetBytes, "salt", value))
                .orElseGet(() -> Map.of("roothash", rootHash.hex(), "hashoffset", hashOffsetBytes)));
    }

    /**
     * Reads a file.
     *
     * @throws CorruptImageException if it breaks a rule
     */
    public static DmVeritySidecar read(byte[] text) throws CorruptImageException {
        String what = "dm-verity sidecar";
        if (text.length > MAX_BYTES) {
            throw new CorruptImageException(what, "has " + text.length + " bytes, at most " + MAX_BYTES);
        }
        JsonObject file = JsonParser.parse(what, text).object();
        JsonValue salt = file.optional("salt");
        if (salt != null && !salt.string().matches("([0-9a-f]{2}){0,256}")) {
            throw salt.broken("is no hexadecimal salt of at most 256 bytes");
        }
        long most = VerityGeometry.MAX_DATA_BLOCKS * VerityGeometry.STANDARD.dataBlockSizeBytes();
        return new DmVeritySidecar(
                Digest.parse("sha256:" + file.required("roothash").string()),
                file.required("hashoffset").integer(0, most),
                salt == null ? Optional.empty() : Optional.of(salt.string()));
    }
}
