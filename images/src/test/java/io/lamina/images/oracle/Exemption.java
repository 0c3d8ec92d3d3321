package io.lamina.images.oracle;

import io.lamina.images.oracle.TreeEntry.Field;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.BiPredicate;

/**
 * A difference that two trees may have, and why. Nothing is let pass without one.
 *
 * @param reason why the two sides differ by their nature
 * @param fields what is not compared
 * @param applies whether the exemption holds for a path, given the expected entry
 */
public record Exemption(String reason, Set<Field> fields, BiPredicate<String, TreeEntry> applies) {
    private static final Set<Field> METADATA =
            EnumSet.of(Field.PERMISSIONS, Field.UID, Field.GID, Field.MODIFIED, Field.XATTRS);

    /** The size of a directory. */
    public static Exemption directorySizes() {
        return new Exemption(
                "a directory's size is how its file system stores it",
                EnumSet.of(Field.SIZE),
                (path, entry) -> entry.isDirectory());
    }

    /** Every link count. */
    public static Exemption overlayLinkCounts() {
        return new Exemption(
                "overlayfs reports the layer's own link count, also of names that upper layers hide, and 1 for a merged"
                        + " directory",
                EnumSet.of(Field.LINK_COUNT),
                (path, entry) -> true);
    }

    /** Metadata of the directories whose topmost layer only implies them. */
    public static Exemption impliedForOverlayfs(Set<String> paths) {
        return new Exemption(
                "overlayfs takes a directory's metadata from its topmost layer and knows nothing of implied ones",
                METADATA,
                (path, entry) -> paths.contains(path));
    }

    /** Metadata of directories that no layer holds. */
    public static Exemption neverExplicit(Set<String> paths) {
        return new Exemption(
                "no layer says what these directories are like, and each implementation invents it",
                METADATA,
                (path, entry) -> paths.contains(path));
    }

    boolean covers(Field field, String path, TreeEntry expected) {
        return fields.contains(field) && applies.test(path, expected);
    }
}
