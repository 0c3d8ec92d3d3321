package io.lamina.images.merge;

import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.Xattrs;
import io.lamina.images.layer.LayerXattrs;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The directories that one merged directory is made of, topmost first, as far down as they show. */
final class DirectoryStack {
    private final List<Source> sources = new ArrayList<>(2);
    private @Nullable Attributes impliedAttributes;
    private @Nullable Attributes attributes;
    private boolean opaque;
    /** Layers below this one do not show. */
    private int floor;

    /**
     * Adds the next lower entry of the name.
     *
     * @return whether a lower directory matters too
     */
    boolean add(MergeLayer layer, Inode inode) throws IOException {
        if (inode.type() != FileType.DIRECTORY) {
            floor = Math.max(floor, layer.deviceId());
            return false;
        }
        Xattrs xattrs = layer.xattrs(inode);
        if (!opaque) {
            opaque = xattrs.sorted().contains(LayerXattrs.OPAQUE);
            sources.add(new Source(layer, inode, opaque));
            floor = opaque ? layer.deviceId() : 0;
        }
        if (Resolution.isImplied(xattrs)) {
            // Attributes that nobody chose: those of a lower directory are the right ones.
            if (impliedAttributes == null) {
                impliedAttributes = MergeLayer.attributes(inode, xattrs);
            }
        } else if (attributes == null) {
            attributes = MergeLayer.attributes(inode, xattrs);
        }
        return !opaque || attributes == null;
    }

    /** Whether all directories so far are ones that tars imply. */
    boolean isImplied() {
        return attributes == null;
    }

    List<Source> sources() {
        return sources;
    }

    /** Puts directories of other names among the sources, where their layers show. */
    void graft(List<Source> grafted) {
        for (Source source : grafted) {
            if (source.layer().deviceId() < floor) {
                continue;
            }
            int at = 0;
            while (at < sources.size()
                    && sources.get(at).layer().deviceId() >= source.layer().deviceId()) {
                at++;
            }
            sources.add(at, source);
            if (source.opaque()) {
                sources.subList(at + 1, sources.size()).clear();
                floor = source.layer().deviceId();
            }
        }
    }

    /** The merged directory's attributes. */
    Attributes attributes() {
        Attributes chosen = attributes != null ? attributes : impliedAttributes;
        if (chosen == null) {
            throw new IllegalStateException("no directory was added");
        }
        return chosen;
    }
}
