package io.lamina.shim.kata;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.shim.attachment.Texts;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Route F: a direct-assigned volume, the file {@code mountInfo.json} in a directory that is named by the volume's path
 * (Kata, src/libs/kata-types/src/mount.rs, DirectVolumeMountInfo). Kata's documents show other names of members
 * ({@code volume_type}) and a text for {@code metadata}; its program takes neither.
 *
 * @param volumeType {@code directvol}, {@code spdkvol}, {@code spoolvol} or {@code vfiovol}; the Go runtime ignores it
 * @param device a block device's node, or a socket
 * @param fsType what the guest mounts
 * @param metadata what else the runtime is told
 * @param options of the guest's mount
 */
public record DirectVolume(
        String volumeType, String device, String fsType, SortedMap<String, String> metadata, List<String> options) {
    /** Where both runtimes look. */
    public static final Path ROOT = Path.of("/run/kata-containers/shared/direct-volumes");

    /** The file's name. */
    public static final String FILE = "mountInfo.json";

    /** Types that runtime-rs tells apart. */
    public static final Set<String> TYPES = Set.of("directvol", "spdkvol", "spoolvol", "vfiovol");

    private static final Set<String> MEMBERS = Set.of("volume-type", "device", "fstype", "metadata", "options");

    /** Keeps copies. */
    public DirectVolume {
        metadata = Collections.unmodifiableSortedMap(new TreeMap<>(metadata));
        options = List.copyOf(options);
    }

    /** A read-only EROFS on {@code device}. */
    public static DirectVolume erofs(String volumeType, Path device) {
        return new DirectVolume(volumeType, device.toString(), "erofs", new TreeMap<>(), List.of("ro"));
    }

    /** The directory's name below {@link #ROOT}: URL-safe base64 with its padding. */
    public static String directoryName(Path volume) {
        return Base64.getUrlEncoder().encodeToString(volume.toString().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * The volume that a directory below {@link #ROOT} is of.
     *
     * @throws CorruptImageException if the name is no base64 of a path
     */
    public static Path volume(String directoryName) throws CorruptImageException {
        return Texts.path("direct volume", text("direct volume", Base64.getUrlDecoder(), directoryName));
    }

    static String text(String what, Base64.Decoder decoder, String base64) throws CorruptImageException {
        try {
            if (base64.length() % 4 != 0) {
                throw new IllegalArgumentException("its padding is missing");
            }
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(decoder.decode(base64)))
                    .toString();
        } catch (IllegalArgumentException | CharacterCodingException wrong) {
            throw new CorruptImageException(what, "is no base64 of UTF-8: " + wrong.getMessage());
        }
    }

    /** The file's bytes. */
    public byte[] write() {
        return JsonWriter.write(Map.of(
                "volume-type",
                volumeType,
                "device",
                device,
                "fstype",
                fsType,
                "metadata",
                metadata,
                "options",
                options));
    }

    /**
     * Reads a file.
     *
     * @throws CorruptImageException if it breaks a rule
     */
    public static DirectVolume read(byte[] text) throws CorruptImageException {
        JsonObject file = JsonParser.parse(FILE, text).object();
        file.refuseUnknown(MEMBERS);
        JsonValue type = file.required("volume-type");
        JsonValue device = file.required("device");
        JsonValue fsType = file.required("fstype");
        return new DirectVolume(
                Texts.printable(type.where(), type.string(), Texts.MAX_NAME_CHARACTERS),
                Texts.printable(device.where(), device.string(), Texts.MAX_PATH_BYTES),
                Texts.printable(fsType.where(), fsType.string(), Texts.MAX_NAME_CHARACTERS),
                KataVirtualVolume.strings(file.optional("metadata")),
                file.strings("options"));
    }
}
