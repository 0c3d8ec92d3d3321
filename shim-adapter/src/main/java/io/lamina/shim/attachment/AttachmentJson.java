package io.lamina.shim.attachment;

import io.lamina.images.CorruptImageException;
import io.lamina.images.device.Extent;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.shim.attachment.Attachment.Access;
import io.lamina.shim.attachment.Attachment.Device;
import io.lamina.shim.attachment.Attachment.Form;
import io.lamina.shim.attachment.Attachment.Layer;
import io.lamina.shim.attachment.Attachment.Owner;
import io.lamina.shim.attachment.Attachment.Scratch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The message as JSON. A reader refuses what it does not know: a member more may be a condition that it would not keep.
 */
public final class AttachmentJson {
    private static final String WHAT = "attachment";
    private static final Set<String> MEMBERS = Set.of(
            "version",
            "id",
            "image",
            "device",
            "layers",
            "files",
            "socket",
            "statement",
            "scratch",
            "ext4RootHash",
            "owner");
    private static final Set<String> DEVICE_MEMBERS = Set.of(
            "sizeBytes",
            "dataBlockSize",
            "hashBlockSize",
            "dataBlocks",
            "hashStartBlock",
            "salt",
            "rootHash",
            "extents");
    private static final Set<String> EXTENT_MEMBERS = Set.of("startByte", "lengthBytes", "file", "fileOffsetBytes");
    private static final String SALT = "0".repeat(2 * VerityGeometry.SALT_BYTES);

    private AttachmentJson() {}

    /** The members of {@code attachment}, as {@link JsonWriter} takes them. */
    public static Map<String, Object> members(Attachment attachment) {
        Map<String, Object> members = new TreeMap<>();
        members.put("version", (long) Attachment.VERSION);
        members.put("id", attachment.id());
        members.put("image", attachment.image());
        members.put("device", device(attachment.device()));
        List<Object> layers = new ArrayList<>();
        for (Layer layer : attachment.layers()) {
            layers.add(Map.of(
                    "diffId", layer.diffId().toString(),
                    "verityRoot", layer.verityRoot().hex(),
                    "blob", layer.blob().toString()));
        }
        members.put("layers", layers);
        Map<String, Object> files = new TreeMap<>();
        attachment.files().forEach((form, file) -> files.put(form.key(), file.toString()));
        members.put("files", files);
        Access access = attachment.access();
        access.socket().ifPresent(socket -> members.put("socket", socket.toString()));
        access.statement().ifPresent(statement -> members.put("statement", statement.toString()));
        access.scratch()
                .ifPresent(scratch -> members.put(
                        "scratch", Map.of("file", scratch.file().toString(), "sizeBytes", scratch.sizeBytes())));
        access.ext4RootHash().ifPresent(root -> members.put("ext4RootHash", root.hex()));
        Owner owner = attachment.owner();
        members.put(
                "owner",
                Map.of(
                        "sandbox", owner.sandbox(),
                        "pid", owner.pid(),
                        "startTicks", owner.startTicks(),
                        "bootId", owner.bootId()));
        return members;
    }

    /** The bytes of {@code attachment}; the same one gives the same bytes. */
    public static byte[] write(Attachment attachment) {
        return JsonWriter.write(members(attachment));
    }

    private static Map<String, Object> device(Device device) {
        List<Object> extents = new ArrayList<>();
        for (Extent.FileExtent extent : device.extents()) {
            extents.add(Map.of(
                    "startByte", extent.startByte(),
                    "lengthBytes", extent.lengthBytes(),
                    "file", extent.file().toString(),
                    "fileOffsetBytes", extent.fileOffsetBytes()));
        }
        return Map.of(
                "sizeBytes",
                device.sizeBytes(),
                "dataBlockSize",
                (long) device.geometry().dataBlockSizeBytes(),
                "hashBlockSize",
                (long) device.geometry().hashBlockSizeBytes(),
                "dataBlocks",
                device.dataBlocks(),
                "hashStartBlock",
                device.hashStartBlock(),
                "salt",
                SALT,
                "rootHash",
                device.rootHash().hex(),
                "extents",
                extents);
    }

    /**
     * Reads a message.
     *
     * @throws CorruptImageException if it is none of this version, naming member and rule
     */
    public static Attachment read(byte[] text) throws CorruptImageException {
        JsonObject message = JsonParser.parse(WHAT, text).object();
        message.required("version").integer(Attachment.VERSION, Attachment.VERSION);
        message.refuseUnknown(MEMBERS);
        JsonValue image = message.required("image");
        return new Attachment(
                name(message.required("id")),
                Texts.printable(image.where(), image.string(), Texts.MAX_NAME_CHARACTERS),
                device(message.required("device").object()),
                layers(message.required("layers")),
                files(message.required("files").object()),
                access(message),
                owner(message.required("owner").object()));
    }

    private static Device device(JsonObject device) throws CorruptImageException {
        device.refuseUnknown(DEVICE_MEMBERS);
        VerityGeometry geometry = new VerityGeometry(
                powerOfTwo(device.required("dataBlockSize")), powerOfTwo(device.required("hashBlockSize")));
        if (!device.required("salt").string().equals(SALT)) {
            throw device.required("salt").broken("is not 32 zero bytes in hexadecimal");
        }
        long dataBlocks = device.required("dataBlocks").integer(1, VerityGeometry.MAX_DATA_BLOCKS);
        long hashStartBlock = device.required("hashStartBlock").integer(1, VerityGeometry.MAX_DATA_BLOCKS);
        long sizeBytes = device.required("sizeBytes").integer(1, Long.MAX_VALUE);
        long hashOffset = hashStartBlock * geometry.hashBlockSizeBytes();
        if (hashOffset < dataBlocks * geometry.dataBlockSizeBytes()) {
            throw device.required("hashStartBlock").broken("lies within the data");
        }
        if (sizeBytes != hashOffset + geometry.hashBlocks(dataBlocks) * geometry.hashBlockSizeBytes()) {
            throw device.required("sizeBytes").broken("is not that of data and hash tree");
        }
        return new Device(
                sizeBytes,
                geometry,
                dataBlocks,
                hashStartBlock,
                hex(device.required("rootHash")),
                extents(device.required("extents"), sizeBytes));
    }

    private static List<Extent.FileExtent> extents(JsonValue value, long deviceBytes) throws CorruptImageException {
        List<JsonValue> elements = value.array();
        if (elements.size() > Attachment.MAX_EXTENTS) {
            throw value.broken("has " + elements.size() + " elements, at most " + Attachment.MAX_EXTENTS);
        }
        List<Extent.FileExtent> extents = new ArrayList<>();
        long end = 0;
        for (JsonValue element : elements) {
            JsonObject extent = element.object();
            extent.refuseUnknown(EXTENT_MEMBERS);
            long start = extent.required("startByte").integer(end, deviceBytes - 1);
            long length = extent.required("lengthBytes").integer(1, deviceBytes - start);
            long offset = extent.required("fileOffsetBytes").integer(0, Long.MAX_VALUE - length);
            extents.add(new Extent.FileExtent(start, length, Texts.path(extent.required("file")), offset));
            end = start + length;
        }
        return extents;
    }

    private static List<Layer> layers(JsonValue value) throws CorruptImageException {
        List<Layer> layers = new ArrayList<>();
        for (JsonValue element : value.array()) {
            JsonObject layer = element.object();
            layer.refuseUnknown(Set.of("diffId", "verityRoot", "blob"));
            layers.add(new Layer(
                    Digest.parse(layer.required("diffId").string()),
                    hex(layer.required("verityRoot")),
                    Texts.path(layer.required("blob"))));
        }
        return layers;
    }

    private static SortedMap<Form, Path> files(JsonObject files) throws CorruptImageException {
        SortedMap<Form, Path> result = new TreeMap<>();
        Set<String> known = new TreeSet<>();
        for (Form form : Form.values()) {
            known.add(form.key());
            JsonValue file = files.optional(form.key());
            if (file != null) {
                result.put(form, Texts.path(file));
            }
        }
        files.refuseUnknown(known);
        return result;
    }

    private static Access access(JsonObject message) throws CorruptImageException {
        JsonValue root = message.optional("ext4RootHash");
        JsonValue scratch = message.optional("scratch");
        return new Access(
                path(message, "socket"),
                path(message, "statement"),
                scratch == null ? Optional.empty() : Optional.of(scratch(scratch.object())),
                root == null ? Optional.empty() : Optional.of(hex(root)));
    }

    private static Optional<Path> path(JsonObject message, String name) throws CorruptImageException {
        JsonValue value = message.optional(name);
        return value == null ? Optional.empty() : Optional.of(Texts.path(value));
    }

    private static Scratch scratch(JsonObject scratch) throws CorruptImageException {
        scratch.refuseUnknown(Set.of("file", "sizeBytes"));
        return new Scratch(
                Texts.path(scratch.required("file")),
                scratch.required("sizeBytes").integer(1, Long.MAX_VALUE));
    }

    private static Owner owner(JsonObject owner) throws CorruptImageException {
        owner.refuseUnknown(Set.of("sandbox", "pid", "startTicks", "bootId"));
        JsonValue boot = owner.required("bootId");
        if (!boot.string().matches("[0-9a-f-]{0,36}")) {
            throw boot.broken("is no boot's identifier");
        }
        return new Owner(
                name(owner.required("sandbox")),
                owner.required("pid").integer(0, Integer.MAX_VALUE),
                owner.required("startTicks").integer(0, Long.MAX_VALUE),
                boot.string());
    }

    private static String name(JsonValue value) throws CorruptImageException {
        return Texts.name(value.where(), value.string());
    }

    private static int powerOfTwo(JsonValue value) throws CorruptImageException {
        int bytes = (int) value.integer(512, 4096);
        if (Integer.bitCount(bytes) != 1) {
            throw value.broken("is no power of two");
        }
        return bytes;
    }

    private static Digest hex(JsonValue value) throws CorruptImageException {
        return Digest.parse("sha256:" + value.string());
    }
}
