package io.lamina.shim.hcs;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.shim.attachment.Texts;
import io.lamina.shim.mount.RootfsMount;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** The mounts that hcsshim's parsers know (internal/layers/helpers.go, lcow.go, wcow_parse.go). Paths are Windows' own. */
public sealed interface HcsMount {
    /** The word of {@link RootfsMount#type}. */
    String type();

    /** The mount as a shim is handed it. */
    RootfsMount mount();

    /**
     * Layers of a Linux container in a utility VM: each directory has a {@code layer.vhd}.
     *
     * @param scratchDirectory has {@code sandbox.vhdx}
     * @param parents top first
     */
    record LcowLayer(String scratchDirectory, List<String> parents) implements HcsMount {
        /** Keeps a copy. */
        public LcowLayer {
            parents = List.copyOf(parents);
        }

        @Override
        public String type() {
            return "lcow-layer";
        }

        @Override
        public RootfsMount mount() {
            return RootfsMount.of(type(), scratchDirectory, "rw", PARENT_LAYERS + json(parents));
        }
    }

    /**
     * Layers in partitions of disks. Any option but these two is an error there, even {@code rw}.
     *
     * @param scratch a VHDX
     * @param parents top first
     */
    record LcowPartitionedLayer(String scratch, List<Partition> parents) implements HcsMount {
        /** Keeps a copy. */
        public LcowPartitionedLayer {
            parents = List.copyOf(parents);
        }

        @Override
        public String type() {
            return "lcow-partitioned-layer";
        }

        @Override
        public RootfsMount mount() {
            List<Object> list = new ArrayList<>();
            parents.forEach(parent -> list.add(Map.of("Path", parent.path, "Partition", parent.number)));
            return RootfsMount.of(type(), "", SCRATCH + scratch, PARTITIONED + json(list));
        }
    }

    /**
     * A partition.
     *
     * @param path of the disk
     * @param number from 1 on; 0: the whole disk
     */
    record Partition(String path, long number) {}

    /**
     * Layers of a Windows container.
     *
     * @param scratchDirectory the writable layer
     * @param parents top first
     */
    record WindowsLayer(String scratchDirectory, List<String> parents) implements HcsMount {
        /** Keeps a copy. */
        public WindowsLayer {
            parents = List.copyOf(parents);
        }

        @Override
        public String type() {
            return "windows-layer";
        }

        @Override
        public RootfsMount mount() {
            return RootfsMount.of(type(), scratchDirectory, "rw", PARENT_LAYERS + json(parents));
        }
    }

    /**
     * Forked CIMs, for process isolation.
     *
     * @param scratchDirectory the writable layer
     * @param parents top first
     * @param cims one for each parent
     */
    record CimFs(String scratchDirectory, List<String> parents, List<String> cims) implements HcsMount {
        /** Keeps copies and checks that there is a CIM for each parent. */
        public CimFs {
            parents = List.copyOf(parents);
            cims = List.copyOf(cims);
            if (parents.size() != cims.size()) {
                throw new IllegalArgumentException(
                        parents.size() + " parent layers, but " + cims.size() + " CIMs: one for each");
            }
        }

        @Override
        public String type() {
            return "CimFS";
        }

        @Override
        public RootfsMount mount() {
            return RootfsMount.of(
                    type(), scratchDirectory, "rw", PARENT_LAYERS + json(parents), PARENT_CIMS + json(cims));
        }
    }

    /**
     * Block CIMs.
     *
     * @param scratchDirectory the writable layer
     * @param cims {@code BLOCK FILE\NAME.cim}, top first
     * @param blockType {@code device} or {@code file}
     * @param merged the merged CIM; needed over several
     */
    record BlockCim(String scratchDirectory, List<String> cims, String blockType, Optional<String> merged)
            implements HcsMount {
        /** Keeps a copy and checks what hcsshim checks. */
        public BlockCim {
            cims = List.copyOf(cims);
            if (!blockType.equals("device") && !blockType.equals("file")) {
                throw new IllegalArgumentException("blockCIMType is device or file, not " + blockType);
            }
            if (cims.size() > 1 && merged.isEmpty()) {
                throw new IllegalArgumentException(cims.size() + " CIMs need mergedCIMPath");
            }
        }

        @Override
        public String type() {
            return "BlockCIM";
        }

        @Override
        public RootfsMount mount() {
            List<String> options = new ArrayList<>(List.of("rw", PARENT_CIMS + json(cims), BLOCK_TYPE + blockType));
            merged.ifPresent(path -> options.add(MERGED + path));
            return new RootfsMount(type(), scratchDirectory, "", options);
        }
    }

    /** Option of the parents' directories. */
    String PARENT_LAYERS = "parentLayerPaths=";

    /** Option of the parents' CIMs. */
    String PARENT_CIMS = "parentCimPaths=";

    /** Option of the kind of block CIMs. */
    String BLOCK_TYPE = "blockCIMType=";

    /** Option of the merged CIM. */
    String MERGED = "mergedCIMPath=";

    /** Option of a partitioned layer's scratch. */
    String SCRATCH = "scratch=";

    /** Option of a partitioned layer's parents. */
    String PARTITIONED = "parent-partitioned-layers=";

    /** Layers of one container that are read. */
    int MAX_PARENTS = 256;

    /** Types that {@link #parse} knows. */
    Set<String> TYPES = Set.of("lcow-layer", "lcow-partitioned-layer", "windows-layer", "CimFS", "BlockCIM");

    private static String json(List<?> list) {
        return new String(JsonWriter.write(list), StandardCharsets.UTF_8);
    }

    /**
     * Reads a mount.
     *
     * @throws CorruptImageException if hcsshim would refuse it, with the rule
     */
    static HcsMount parse(RootfsMount mount) throws CorruptImageException {
        String what = "mount of type " + JsonValue.printable(mount.type());
        try {
            return switch (mount.type()) {
                case "lcow-layer" -> new LcowLayer(source(mount), parents(mount, PARENT_LAYERS));
                case "lcow-partitioned-layer" -> partitioned(what, mount);
                case "windows-layer" -> new WindowsLayer(source(mount), parents(mount, PARENT_LAYERS));
                case "CimFS" -> new CimFs(source(mount), parents(mount, PARENT_LAYERS), parents(mount, PARENT_CIMS));
                case "BlockCIM" ->
                    new BlockCim(
                            source(mount),
                            parents(mount, PARENT_CIMS),
                            mount.option(BLOCK_TYPE).orElse(""),
                            mount.option(MERGED));
                default -> throw new CorruptImageException(what, "is none of " + new TreeSet<>(TYPES));
            };
        } catch (IllegalArgumentException broken) {
            throw new CorruptImageException(what, String.valueOf(broken.getMessage()));
        }
    }

    private static String source(RootfsMount mount) throws CorruptImageException {
        return Texts.printable(mount.type() + ": source", mount.source(), Texts.MAX_PATH_BYTES);
    }

    private static List<String> parents(RootfsMount mount, String option) throws CorruptImageException {
        String what = mount.type() + ": " + option;
        String text = mount.option(option).orElseThrow(() -> new IllegalArgumentException(option + " is missing"));
        List<String> parents =
                JsonParser.parse(what, text.getBytes(StandardCharsets.UTF_8)).strings();
        if (parents.isEmpty() || parents.size() > MAX_PARENTS) {
            throw new CorruptImageException(what, "has " + parents.size() + " layers, not from 1 to " + MAX_PARENTS);
        }
        for (String parent : parents) {
            Texts.printable(what, parent, Texts.MAX_PATH_BYTES);
        }
        return parents;
    }

    private static HcsMount partitioned(String what, RootfsMount mount) throws CorruptImageException {
        for (String option : mount.options()) {
            if (!option.startsWith(SCRATCH) && !option.startsWith(PARTITIONED)) {
                throw new CorruptImageException(
                        what,
                        "has the option " + JsonValue.printable(option) + ", where hcsshim takes none but " + SCRATCH
                                + " and " + PARTITIONED);
            }
        }
        String text =
                mount.option(PARTITIONED).orElseThrow(() -> new IllegalArgumentException(PARTITIONED + " is missing"));
        List<Partition> parents = new ArrayList<>();
        for (JsonValue element :
                JsonParser.parse(what, text.getBytes(StandardCharsets.UTF_8)).array()) {
            JsonObject parent = element.object();
            parent.refuseUnknown(Set.of("Path", "Partition"));
            JsonValue path = parent.required("Path");
            parents.add(new Partition(
                    Texts.printable(path.where(), path.string(), Texts.MAX_PATH_BYTES),
                    parent.required("Partition").integer(0, 128)));
        }
        String scratch = mount.option(SCRATCH).orElseThrow(() -> new IllegalArgumentException(SCRATCH + " is missing"));
        return new LcowPartitionedLayer(Texts.printable(what, scratch, Texts.MAX_PATH_BYTES), parents);
    }
}
