package io.lamina.shim.policy;

import io.lamina.images.oci.Digest;
import java.util.List;

/**
 * A fragment for hcsshim's security policy: the layers that a container may have (pkg/securitypolicy/framework.rego,
 * rules {@code deviceHash_ok} and {@code layerPaths_ok}). The policy lists layers base first; hcsshim mounts them top
 * first. One flattened layer is one hash.
 */
public final class HcsPolicy {
    private HcsPolicy() {}

    /**
     * The fragment.
     *
     * @param name names the container in the policy; printable, without quotes
     * @param baseFirst root hashes of the layers
     */
    public static String of(String name, List<Digest> baseFirst) {
        if (name.chars().anyMatch(c -> c < ' ' || c == '"' || c == '\\' || c > '~')) {
            throw new IllegalArgumentException("a name that Rego cannot quote: " + name);
        }
        StringBuilder text = new StringBuilder("""
                # The layers of one container for hcsshim's security policy, base first. Merge them into that container's
                # object; command, environment and mounts are the policy author's to say.
                containers := [
                    {
                """);
        text.append("        \"name\": \"").append(name).append("\",\n        \"layers\": [\n");
        for (int i = 0; i < baseFirst.size(); i++) {
            text.append("            \"").append(baseFirst.get(i).hex()).append('"');
            text.append(i + 1 < baseFirst.size() ? ",\n" : "\n");
        }
        return text.append("        ],\n    },\n]\n").toString();
    }
}
