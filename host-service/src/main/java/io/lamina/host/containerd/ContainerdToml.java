package io.lamina.host.containerd;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What containerd's configuration must say (containerd, docs/PLUGINS.md and docs/man/containerd-config.toml.5.md). */
public final class ContainerdToml {
    /** What containerd calls our snapshotter; the names of its own are taken. */
    public static final String SNAPSHOTTER = "lamina";

    private static final String DIFFER = SNAPSHOTTER + "-diff";
    private static final Pattern VERSION = Pattern.compile("v?([0-9]{1,4})\\.([0-9]{1,4}).*");

    private ContainerdToml() {}

    /** The version of the containerd in {@code PATH}. */
    public static String installedVersion() throws IOException, InterruptedException {
        Process process;
        try {
            process = new ProcessBuilder("containerd", "--version")
                    .redirectErrorStream(true)
                    .start();
        } catch (IOException none) {
            throw new IOException(
                    "there is no containerd in PATH; say its version with --for, such as --for 2.1", none);
        }
        process.getOutputStream().close();
        String words = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int _ = process.waitFor();
        String[] fields = words.strip().split(" ", -1);
        return fields.length > 2 ? fields[2] : words.strip();
    }

    /**
     * The lines for a version.
     *
     * @param version such as {@code 1.7.24~ds1} or {@code v2.1.9}
     * @param socket the daemon's
     * @param root the store's, for statistics of CRI
     * @throws IOException if that version cannot have a differ outside itself
     */
    public static String of(String version, Path socket, Path root) throws IOException {
        Matcher parts = VERSION.matcher(version);
        if (!parts.matches()) {
            throw new IOException("\"" + version + "\" is no version of containerd, such as 1.7.24 or 2.1.9");
        }
        int major = Integer.parseInt(parts.group(1));
        int minor = Integer.parseInt(parts.group(2));
        if (major < 1 || (major == 1 && minor < 7)) {
            throw new IOException("containerd " + version + " knows no differ outside itself; 1.7.4 and later do");
        }
        boolean rebase = major > 2 || (major == 2 && minor >= 2);
        String transfer = "io.containerd.transfer.v1.local";
        StringBuilder toml = new StringBuilder();
        toml.append("# For containerd ").append(version).append(", by 'lamina containerd config'.\n");
        toml.append("version = ").append(major == 1 ? 2 : 3).append("\n\n");
        toml.append("[proxy_plugins.")
                .append(SNAPSHOTTER)
                .append("]\n  type = \"snapshot\"\n  address = \"")
                .append(socket)
                .append("\"\n");
        if (rebase) {
            toml.append("  capabilities = [\"rebase\"]\n");
        }
        if (major >= 2) {
            toml.append("  [proxy_plugins.")
                    .append(SNAPSHOTTER)
                    .append(".exports]\n    root = \"")
                    .append(root)
                    .append("\"\n");
        }
        toml.append("\n[proxy_plugins.")
                .append(DIFFER)
                .append("]\n  type = \"diff\"\n  address = \"")
                .append(socket)
                .append("\"\n");
        toml.append("\n# Unpacking by clients: nerdctl, ctr --local, CRI before 2.1.\n");
        toml.append("[plugins.\"io.containerd.service.v1.diff-service\"]\n  default = [\"")
                .append(DIFFER)
                .append("\", \"walking\"]\n");
        toml.append(
                "\n# Unpacking by containerd itself: ctr image pull, CRI since 2.1. These lines replace the defaults.\n");
        for (String[] pair : new String[][] {{SNAPSHOTTER, DIFFER}, {"overlayfs", "walking"}}) {
            toml.append("[[plugins.\"")
                    .append(transfer)
                    .append("\".unpack_config]]\n  platform = \"linux/amd64\"\n  snapshotter = \"")
                    .append(pair[0])
                    .append("\"\n  differ = \"")
                    .append(pair[1])
                    .append("\"\n");
        }
        if (rebase) {
            toml.append("\n[plugins.\"").append(transfer).append("\"]\n  max_concurrent_unpacks = 4\n");
        }
        return toml.toString();
    }
}
