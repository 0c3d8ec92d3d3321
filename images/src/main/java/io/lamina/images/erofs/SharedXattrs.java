package io.lamina.images.erofs;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The attributes that more than one inode of an image has: written once, in an area of their own, and named by their
 * place in it in units of 4 bytes.
 */
final class SharedXattrs {
    private final Map<Xattr, Integer> ids = new HashMap<>();
    private final List<Xattr> inOrder = new ArrayList<>();
    private final Map<Xattrs, XattrBody> bodies = new HashMap<>();
    private long sizeBytes;

    /** Counts uses and gives each attribute with two or more a place, in the attributes' order. */
    static SharedXattrs of(Iterable<TreeInode> inodes) {
        TreeMap<Xattr, Integer> uses = new TreeMap<>();
        for (TreeInode inode : inodes) {
            for (Xattr attribute : inode.attributes().xattrs().sorted()) {
                uses.merge(attribute, 1, Integer::sum);
            }
        }
        SharedXattrs area = new SharedXattrs();
        uses.forEach((attribute, count) -> {
            if (count > 1) {
                area.add(attribute);
            }
        });
        return area;
    }

    private void add(Xattr attribute) {
        ids.put(attribute, Math.toIntExact(sizeBytes / XattrBody.ALIGNMENT));
        inOrder.add(attribute);
        sizeBytes += attribute.entryBytes();
    }

    long sizeBytes() {
        return sizeBytes;
    }

    int id(Xattr attribute) {
        Integer id = ids.get(attribute);
        if (id == null) {
            throw new IllegalArgumentException("not shared: " + attribute);
        }
        return id;
    }

    /** How an inode with these attributes stores them. */
    XattrBody body(Xattrs attributes) {
        return attributes.isEmpty() ? XattrBody.EMPTY : bodies.computeIfAbsent(attributes, this::split);
    }

    private XattrBody split(Xattrs attributes) {
        List<Xattr> shared = new ArrayList<>();
        List<Xattr> own = new ArrayList<>();
        for (Xattr attribute : attributes.sorted()) {
            boolean there = shared.size() < XattrBody.MAX_SHARED && ids.containsKey(attribute);
            (there ? shared : own).add(attribute);
        }
        return new XattrBody(shared, own);
    }

    void write(BlobOutput out) throws IOException {
        for (Xattr attribute : inOrder) {
            attribute.write(out);
        }
    }
}
