package io.lamina.shim.bundle;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonValue;
import io.lamina.shim.bundle.OciBundle.Kind;
import io.lamina.shim.hcs.HcsMount;
import io.lamina.shim.mount.RootfsMount;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * hcsshim's checks of a container's root (internal/layers/helpers.go, validateRootfsAndLayers, read at 7c9ff7f4), and what
 * the bundle is when the request is its authority.
 */
public final class BundleRules {
    /** Layers that a list in the spec has at least: one, and the scratch. */
    private static final int MIN_LAYER_FOLDERS = 2;

    private final OciBundle bundle;
    private final List<RootfsMount> request;
    private final HcsshimVersion version;
    private final List<Finding> findings = new ArrayList<>();
    private Optional<HcsMount> mount = Optional.empty();

    private BundleRules(OciBundle bundle, List<RootfsMount> request, HcsshimVersion version) {
        this.bundle = bundle;
        this.request = request;
        this.version = version;
    }

    /**
     * What came of it.
     *
     * @param findings broken rules, and notes
     * @param layerFolders top first, the scratch last, as the spec has them; empty for a layerless container
     * @param policyLayers base first and without scratch, as a security policy has them
     * @param config the bundle's {@code config.json} with these layers and without any null
     */
    public record Resolution(
            List<Finding> findings, List<String> layerFolders, List<String> policyLayers, Map<String, Object> config) {
        /** Whether the runtime takes it. */
        public boolean accepted() {
            return findings.stream().noneMatch(Finding::refused);
        }
    }

    /**
     * Checks a bundle.
     *
     * @param request {@code CreateTaskRequest.rootfs}; empty: none
     */
    public static Resolution resolve(OciBundle bundle, List<RootfsMount> request, HcsshimVersion version)
            throws CorruptImageException {
        BundleRules rules = new BundleRules(bundle, request, version);
        if (bundle.kind() != Kind.LINUX) {
            rules.checkRequest();
            rules.checkBoth();
            rules.checkNeither();
            rules.checkSpec();
            rules.checkRootPath();
        } else if (!bundle.layerFolders().isEmpty()) {
            throw new IllegalStateException("layers without a windows section");
        }
        return rules.resolution();
    }

    private void checkRequest() {
        if (request.size() > 1) {
            refuse("a rootfs has exactly one mount", "-", request.size() + " mounts");
            return;
        }
        if (request.isEmpty()) {
            return;
        }
        RootfsMount only = request.getFirst();
        if (!only.target().isEmpty()) {
            // hcsshim's own message says that the target is missing.
            refuse("the rootfs mount has no target", "-", "the target " + only.target());
        }
        try {
            mount = Optional.of(HcsMount.parse(only));
        } catch (CorruptImageException broken) {
            refuse("the rootfs mount is one that hcsshim reads", "-", String.valueOf(broken.getMessage()));
        }
    }

    private void checkBoth() {
        if (request.isEmpty() || bundle.layerFolders().isEmpty()) {
            return;
        }
        List<String> asked = fromRequest();
        String inBundle = "windows.layerFolders " + bundle.layerFolders();
        if (version.appends()) {
            note("hcsshim before 0.12 appends the request's layers to the bundle's", inBundle, asked.toString());
            refuse("layers come from the bundle or from the request, not from both", inBundle, asked.toString());
        } else {
            refuse("a rootfs mount and windows.layerFolders are not passed together", inBundle, asked.toString());
        }
        if (!asked.equals(bundle.layerFolders())) {
            refuse("layers that are given twice are the same", inBundle, asked.toString());
        }
    }

    private void checkNeither() {
        boolean layerless = bundle.kind() == Kind.HOST_PROCESS
                // Linux containers may have the host's directory instead.
                || (bundle.kind() == Kind.LCOW && !bundle.rootPath().isEmpty());
        if (!request.isEmpty() || !bundle.layerFolders().isEmpty()) {
            return;
        }
        if (layerless) {
            note(
                    "a container of this kind may have no layers",
                    bundle.kind() + " and root.path \"" + bundle.rootPath() + "\"",
                    "no mount");
        } else {
            refuse("either a rootfs mount or windows.layerFolders is passed", "no layers", "no mount");
        }
    }

    private void checkSpec() {
        int count = bundle.layerFolders().size();
        if (request.isEmpty() && count > 0 && count < MIN_LAYER_FOLDERS) {
            refuse(
                    "windows.layerFolders has a layer and the scratch at least",
                    bundle.layerFolders().toString(),
                    "no mount");
        }
    }

    private void checkRootPath() {
        if (bundle.rootPath().isEmpty()) {
            return;
        }
        String asked = request.isEmpty() ? "no mount" : fromRequest().toString();
        switch (bundle.kind()) {
            case WINDOWS_HYPERV ->
                refuse("a container in a utility VM has no root.path", "root.path " + bundle.rootPath(), asked);
            case WINDOWS_PROCESS ->
                note(
                        "with root.path, the root is one that the client has mounted; layers are read all the same",
                        "root.path " + bundle.rootPath(),
                        asked);
            case LCOW -> {
                if (!request.isEmpty()) {
                    refuse("a root is a path or layers, not both", "root.path " + bundle.rootPath(), asked);
                }
            }
            case LINUX, HOST_PROCESS -> {}
        }
    }

    private List<String> fromRequest() {
        if (mount.isEmpty()) {
            return List.of();
        }
        List<String> layers = new ArrayList<>();
        switch (mount.get()) {
            case HcsMount.LcowLayer layer -> add(layers, layer.parents(), layer.scratchDirectory());
            case HcsMount.WindowsLayer layer -> add(layers, layer.parents(), layer.scratchDirectory());
            case HcsMount.CimFs layer -> add(layers, layer.parents(), layer.scratchDirectory());
            case HcsMount.BlockCim layer -> add(layers, layer.cims(), layer.scratchDirectory());
            case HcsMount.LcowPartitionedLayer layer -> {
                layer.parents().forEach(parent -> layers.add(parent.path() + ":" + parent.number()));
                layers.add(layer.scratch());
            }
        }
        return layers;
    }

    private static void add(List<String> layers, List<String> topFirst, String scratch) {
        layers.addAll(topFirst);
        layers.add(scratch);
    }

    private Resolution resolution() throws CorruptImageException {
        List<String> layers = request.isEmpty() ? bundle.layerFolders() : fromRequest();
        List<String> baseFirst = layers.isEmpty()
                ? List.of()
                : List.copyOf(layers.subList(0, layers.size() - 1).reversed());
        return new Resolution(List.copyOf(findings), List.copyOf(layers), baseFirst, config(layers));
    }

    /** The request is the authority: its layers stand in the spec, and nothing stands there as null. */
    private Map<String, Object> config(List<String> layers) throws CorruptImageException {
        Map<String, Object> config = new TreeMap<>();
        for (String name : bundle.config().names()) {
            JsonValue member = bundle.config().optional(name);
            if (member != null) {
                config.put(name, member.tree());
            }
        }
        if (config.get("windows") instanceof Map<?, ?> windows) {
            Map<String, Object> resolved = new TreeMap<>();
            windows.forEach((name, value) -> resolved.put((String) name, value));
            resolved.remove("layerFolders");
            if (!layers.isEmpty()) {
                resolved.put("layerFolders", layers);
            }
            config.put("windows", resolved);
        }
        return config;
    }

    private void refuse(String rule, String inBundle, String inRequest) {
        findings.add(new Finding(rule, true, inBundle, inRequest));
    }

    private void note(String rule, String inBundle, String inRequest) {
        findings.add(new Finding(rule, false, inBundle, inRequest));
    }
}
