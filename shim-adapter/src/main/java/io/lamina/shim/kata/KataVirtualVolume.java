package io.lamina.shim.kata;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The mount option {@code io.katacontainers.volume=BASE64} (Kata, src/libs/kata-types/src/mount.rs,
 * KataVirtualVolume).
 *
 * @param type what it is
 * @param source a path, or an image's reference
 * @param fsType a file system's name, or empty
 * @param options of the guest's mount
 * @param parts what only some types have
 */
public record KataVirtualVolume(Type type, String source, String fsType, List<String> options, Parts parts) {
    /** How the option starts. */
    public static final String OPTION = "io.katacontainers.volume=";

    /** Longest option that is read, in characters. */
    public static final int MAX_OPTION_CHARACTERS = 1 << 20;

    /** Keeps a copy. */
    public KataVirtualVolume {
        options = List.copyOf(options);
    }

    /** The eight types. */
    public enum Type {
        DIRECT_BLOCK,
        IMAGE_RAW_BLOCK,
        LAYER_RAW_BLOCK,
        IMAGE_NYDUS_BLOCK,
        LAYER_NYDUS_BLOCK,
        IMAGE_NYDUS_FS,
        LAYER_NYDUS_FS,
        IMAGE_GUEST_PULL;

        /** The word in JSON. */
        public String text() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * What only some types have.
     *
     * @param metadata of a direct volume or a pull
     * @param nydus configuration and snapshot directory
     * @param verity what proves a block device
     */
    public record Parts(SortedMap<String, String> metadata, Optional<Nydus> nydus, Optional<Verity> verity) {
        /** Keeps a copy. */
        public Parts {
            metadata = Collections.unmodifiableSortedMap(new TreeMap<>(metadata));
        }
    }

    /**
     * Nydus' own.
     *
     * @param config its configuration
     * @param snapshotDir its directory
     */
    public record Nydus(String config, String snapshotDir) {}

    /**
     * A dm-verity table.
     *
     * @param hashType the algorithm
     * @param hash the root hash, hexadecimal
     * @param blocks data blocks, 1 to 2^32 - 1
     * @param blockSizeBytes of data
     * @param hashSizeBytes of hash blocks
     * @param offsetBytes where the tree starts
     */
    public record Verity(
            String hashType, String hash, long blocks, int blockSizeBytes, int hashSizeBytes, long offsetBytes) {}

    /** A volume by which the guest pulls {@code reference} itself. */
    public static KataVirtualVolume guestPull(String reference, SortedMap<String, String> metadata) {
        return new KataVirtualVolume(
                Type.IMAGE_GUEST_PULL,
                reference,
                "overlay",
                List.of(),
                new Parts(metadata, Optional.empty(), Optional.empty()));
    }

    /**
     * The mount option.
     *
     * @throws UnsupportedImageException if no runtime of Kata takes a volume of this type, with the reason
     */
    public String option() throws UnsupportedImageException {
        String reason = whyNotWired(type);
        if (reason != null) {
            throw new UnsupportedImageException("Kata volume of type " + type.text(), reason);
        }
        byte[] json = JsonWriter.write(Map.of(
                "volume_type",
                type.text(),
                "source",
                source,
                "fs_type",
                fsType,
                "image_pull",
                Map.of("metadata", parts.metadata)));
        return OPTION + Base64.getEncoder().encodeToString(json);
    }

    /** Why neither of Kata's runtimes takes such a volume, or null if both do. */
    public static @Nullable String whyNotWired(Type type) {
        return switch (type) {
            case IMAGE_GUEST_PULL -> null;
            case DIRECT_BLOCK ->
                "no runtime reads it from a rootfs mount; a direct volume (mountInfo.json) is what is read";
            case IMAGE_RAW_BLOCK, LAYER_RAW_BLOCK ->
                "the code that took it was in the branch CCv0 and was never merged; hand over a flat file (route A or B)";
            case IMAGE_NYDUS_BLOCK, LAYER_NYDUS_BLOCK ->
                "neither handleVirtualVolume (Go) nor VirtualVolume (runtime-rs) has a case for it";
            case IMAGE_NYDUS_FS, LAYER_NYDUS_FS ->
                "Nydus file systems come as a mount of the type fuse.nydus-overlayfs, not as a volume";
        };
    }

    /**
     * Reads an option.
     *
     * @param option with its prefix
     * @throws CorruptImageException if it breaks a rule of the format or of its type
     */
    public static KataVirtualVolume read(String option) throws CorruptImageException {
        String what = "Kata volume";
        if (option.length() > MAX_OPTION_CHARACTERS) {
            throw new CorruptImageException(
                    what, "has " + option.length() + " characters, at most " + MAX_OPTION_CHARACTERS);
        }
        if (!option.startsWith(OPTION)) {
            throw new CorruptImageException(what, "does not start with " + OPTION);
        }
        String json = DirectVolume.text(what, Base64.getDecoder(), option.substring(OPTION.length()));
        JsonObject volume =
                JsonParser.parse(what, json.getBytes(StandardCharsets.UTF_8)).object();
        KataVirtualVolume read = new KataVirtualVolume(
                type(volume.required("volume_type")),
                volume.string("source", ""),
                volume.string("fs_type", ""),
                volume.strings("options"),
                parts(volume));
        read.check(volume);
        return read;
    }

    private static Type type(JsonValue value) throws CorruptImageException {
        String text = value.string();
        for (Type type : Type.values()) {
            if (type.text().equals(text)) {
                return type;
            }
        }
        throw value.broken("is no type of volume: " + JsonValue.printable(text));
    }

    private static Parts parts(JsonObject volume) throws CorruptImageException {
        SortedMap<String, String> metadata = new TreeMap<>();
        for (String holder : new String[] {"direct_volume", "image_pull"}) {
            JsonValue value = volume.optional(holder);
            if (value != null) {
                metadata.putAll(strings(value.object().optional("metadata")));
            }
        }
        JsonValue nydus = volume.optional("nydus_image");
        JsonValue verity = volume.optional("dm_verity");
        return new Parts(
                metadata,
                nydus == null
                        ? Optional.empty()
                        : Optional.of(new Nydus(
                                nydus.object().string("config", ""),
                                nydus.object().string("snapshot_dir", ""))),
                verity == null ? Optional.empty() : Optional.of(verity(verity.object())));
    }

    /** An object all of whose members are strings; none if it is absent. */
    static SortedMap<String, String> strings(@Nullable JsonValue value) throws CorruptImageException {
        SortedMap<String, String> strings = new TreeMap<>();
        if (value != null) {
            JsonObject members = value.object();
            for (String name : members.names()) {
                strings.put(name, members.string(name, ""));
            }
        }
        return strings;
    }

    private static Verity verity(JsonObject table) throws CorruptImageException {
        long blocks = table.required("blocknum").integer(1, 0xFFFF_FFFFL);
        int blockSize = (int) table.required("blocksize").integer(512, 524_288);
        int hashSize = (int) table.required("hashsize").integer(512, 524_288);
        long offset = table.required("offset").integer(0, Long.MAX_VALUE);
        if (offset % hashSize != 0 || offset < blocks * blockSize) {
            throw table.required("offset").broken("is no whole hash block behind the data");
        }
        JsonValue hash = table.required("hash");
        if (!hash.string().matches("([0-9a-f]{2}){1,128}")) {
            throw hash.broken("is no hexadecimal hash");
        }
        return new Verity(table.required("hashtype").string(), hash.string(), blocks, blockSize, hashSize, offset);
    }

    /** The rules of validate() of both runtimes. */
    private void check(JsonObject volume) throws CorruptImageException {
        if (source.isEmpty()) {
            throw new CorruptImageException(volume.where() + ": source", "is empty");
        }
        boolean known = switch (type) {
            case IMAGE_GUEST_PULL -> true;
            case DIRECT_BLOCK, IMAGE_RAW_BLOCK, LAYER_RAW_BLOCK -> !fsType.isEmpty();
            case IMAGE_NYDUS_BLOCK, LAYER_NYDUS_BLOCK -> fsType.equals("rafsv6");
            case IMAGE_NYDUS_FS, LAYER_NYDUS_FS -> fsType.equals("rafsv6") || fsType.equals("rafsv5");
        };
        if (!known) {
            throw new CorruptImageException(
                    volume.where() + ": fs_type", "is none for " + type.text() + ": " + JsonValue.printable(fsType));
        }
        boolean ofNydus = type.text().contains("nydus");
        boolean complete = parts.nydus
                .filter(nydus -> !nydus.config.isEmpty() && !nydus.snapshotDir.isEmpty())
                .isPresent();
        if (ofNydus && !complete) {
            throw new CorruptImageException(
                    volume.where() + ": nydus_image", "lacks config or snapshot_dir, which " + type.text() + " needs");
        }
    }
}
