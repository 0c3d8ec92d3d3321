package io.lamina.host.ops;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What an operator may say: lines {@code name = value} in a file, {@code #} for comments, each with a default that is
 * right for most. A name that is not known is refused, so that a slip of the pen is not a default in disguise.
 */
public final class Configuration {
    /** Names, with what they are when nobody says; paths that are empty depend on others. */
    private static final Map<String, String> DEFAULTS = Map.ofEntries(
            Map.entry("root", ""),
            Map.entry("image_root", ""),
            Map.entry("state_root", ""),
            Map.entry("additional_stores", ""),
            Map.entry("gc_below_percent", "15"),
            Map.entry("refuse_below_percent", "5"),
            Map.entry("gc_unused_hours", "168"),
            Map.entry("log", "text"),
            Map.entry("socket", ""),
            Map.entry("way", "host"),
            Map.entry("runtime", "none"),
            Map.entry("unpack", "lamina"),
            Map.entry("containerd.socket", "/run/containerd/containerd.sock"),
            Map.entry("containerd.root", "/var/lib/containerd"),
            Map.entry("containerd.namespace", "default"),
            Map.entry("verify_on_read", "off"),
            Map.entry("metrics_port", "0"));

    private final Map<String, String> values;

    private Configuration(Map<String, String> values) {
        this.values = values;
    }

    /** Nothing said. */
    public static Configuration empty() {
        return new Configuration(Map.of());
    }

    /** Reads a file. */
    public static Configuration read(Path file) throws IOException {
        Properties lines = new Properties();
        try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            lines.load(reader);
        } catch (IllegalArgumentException broken) {
            throw new IOException(file + ": " + broken.getMessage(), broken);
        }
        Map<String, String> values = new TreeMap<>();
        Set<String> unknown = new TreeSet<>();
        for (String name : lines.stringPropertyNames()) {
            if (DEFAULTS.containsKey(name)) {
                values.put(name, lines.getProperty(name).strip());
            } else {
                unknown.add(name);
            }
        }
        if (!unknown.isEmpty()) {
            throw new IOException(
                    file + ": unknown settings " + unknown + "; known are " + new TreeSet<>(DEFAULTS.keySet()));
        }
        return new Configuration(values);
    }

    /** This with one setting said, by a command line. */
    public Configuration with(String name, String value) {
        Map<String, String> more = new TreeMap<>(values);
        more.put(name, value);
        return new Configuration(more);
    }

    /** A setting, or its default. */
    public String text(String name) {
        String fallback = DEFAULTS.get(name);
        if (fallback == null) {
            throw new IllegalArgumentException("no setting " + name);
        }
        return values.getOrDefault(name, fallback);
    }

    /** A setting that is a path, or {@code otherwise} where nobody says. */
    public Path path(String name, Path otherwise) {
        String text = text(name);
        return text.isEmpty() ? otherwise : Path.of(text);
    }

    /** A setting that is a list of paths with colons between them. */
    public List<Path> paths(String name) {
        String text = text(name);
        return text.isEmpty()
                ? List.of()
                : Stream.of(text.split(":", -1)).map(Path::of).toList();
    }

    /** A setting that is one of a few words. */
    public String oneOf(String name, String... words) throws IOException {
        String text = text(name);
        for (String word : words) {
            if (word.equals(text)) {
                return text;
            }
        }
        throw new IOException(name + " is one of " + String.join(", ", words) + ", not \"" + text + "\"");
    }

    /** A setting that is a whole number in a range. */
    public int number(String name, int min, int max) throws IOException {
        String text = text(name);
        if (!text.matches("[0-9]{1,9}") || Integer.parseInt(text) < min || Integer.parseInt(text) > max) {
            throw new IOException(name + " is a whole number from " + min + " to " + max + ", not \"" + text + "\"");
        }
        return Integer.parseInt(text);
    }
}
