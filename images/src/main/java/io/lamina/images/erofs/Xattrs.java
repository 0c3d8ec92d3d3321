package io.lamina.images.erofs;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The extended attributes of one inode: sorted, each name once. */
public final class Xattrs {
    /** None, as most inodes have. */
    public static final Xattrs NONE = new Xattrs(List.of());

    private final List<Xattr> sorted;

    private Xattrs(List<Xattr> sorted) {
        this.sorted = sorted;
    }

    /** These attributes; of two with one name the later is kept. */
    public static Xattrs of(Collection<Xattr> attributes) {
        if (attributes.isEmpty()) {
            return NONE;
        }
        TreeMap<Xattr, Xattr> byName = new TreeMap<>(Xattr::compareNames);
        for (Xattr attribute : attributes) {
            byName.put(attribute, attribute);
        }
        return new Xattrs(List.copyOf(byName.values()));
    }

    /** The attributes in their order on disk. */
    public List<Xattr> sorted() {
        return sorted;
    }

    /** Whether there are none. */
    public boolean isEmpty() {
        return sorted.isEmpty();
    }

    /** The attribute of this full name, or null. */
    public @Nullable Xattr find(String fullName) {
        for (Xattr attribute : sorted) {
            if (attribute.fullName().equals(fullName)) {
                return attribute;
            }
        }
        return null;
    }

    /** These and one more, which replaces one of its name. */
    public Xattrs with(Xattr attribute) {
        List<Xattr> all = new ArrayList<>(sorted);
        all.add(attribute);
        return of(all);
    }

    /** These without the ones that {@code drop} takes. */
    public Xattrs without(Predicate<Xattr> drop) {
        if (sorted.stream().noneMatch(drop)) {
            return this;
        }
        return of(sorted.stream().filter(drop.negate()).toList());
    }

    @Override
    public boolean equals(@Nullable Object object) {
        return object instanceof Xattrs other && sorted.equals(other.sorted);
    }

    @Override
    public int hashCode() {
        return sorted.hashCode();
    }

    @Override
    public String toString() {
        return sorted.toString();
    }
}
