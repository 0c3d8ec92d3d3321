package io.lamina.images.erofs;

import java.util.Arrays;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * The entries of a directory by name. Found by hash while a tree grows; sorted once it is laid out, with {@code .} and
 * {@code ..} among them.
 */
public final class Directory {
    private static final byte[] SELF = {'.'};
    private static final byte[] PARENT = {'.', '.'};
    private static final int INDEX_FROM = 8;
    /** Differs from run to run, so that nobody can make names that all collide. Order on disk does not depend on it. */
    private static final int HASH_SEED = ThreadLocalRandom.current().nextInt();

    private Entry[] entries = new Entry[4];
    private int count;
    private long sizeBytes = -1;
    /** Numbers of entries plus one, by hash; its length is a power of two. Made when a search would be long. */
    private int @Nullable [] index;

    /** A name and the inode that it leads to. */
    public static final class Entry {
        private final byte[] name;
        private @Nullable TreeInode inode;
        private boolean whiteout;

        private Entry(byte[] name) {
            this.name = name;
        }

        /** The name's bytes, not to be changed. */
        public byte[] name() {
            return name;
        }

        /** What the name leads to, or null for nothing. */
        public @Nullable TreeInode inode() {
            return inode;
        }

        /** Makes the name lead elsewhere. */
        public void setInode(@Nullable TreeInode target) {
            inode = target;
        }

        /** Whether a whiteout of this name was seen. */
        public boolean whiteout() {
            return whiteout;
        }

        /** Notes a whiteout of this name. */
        public void markWhiteout() {
            whiteout = true;
        }
    }

    /** Number of entries. */
    public int count() {
        return count;
    }

    /** Entry {@code number}, in no order that means anything before {@link #seal}. */
    public Entry entry(int number) {
        return entries[number];
    }

    /** The entry of a name, or null. */
    public @Nullable Entry find(byte[] name) {
        int[] hashed = index;
        if (hashed == null) {
            for (int i = 0; i < count; i++) {
                if (Arrays.equals(entries[i].name, name)) {
                    return entries[i];
                }
            }
            return null;
        }
        int number = hashed[slot(hashed, name)];
        return number == 0 ? null : entries[number - 1];
    }

    /** The entry of a name, made if there is none. */
    public Entry findOrAdd(byte[] name) {
        Entry found = find(name);
        if (found != null) {
            return found;
        }
        Entry added = append(name);
        int[] hashed = index;
        if (count > INDEX_FROM && (hashed == null || count > hashed.length / 2)) {
            rebuildIndex();
        } else if (hashed != null) {
            hashed[slot(hashed, name)] = count;
        }
        return added;
    }

    /** Adds a name that the caller knows is not there; {@link #find} does not serve a directory filled so. */
    public void append(byte[] name, TreeInode inode) {
        append(name).inode = inode;
    }

    private Entry append(byte[] name) {
        if (count == entries.length) {
            entries = Arrays.copyOf(entries, count * 2);
        }
        Entry added = new Entry(name);
        entries[count++] = added;
        return added;
    }

    /** Drops names that lead nowhere, adds {@code .} and {@code ..}, and sorts by the names' unsigned bytes. */
    void seal(TreeInode self, TreeInode parent) {
        index = null;
        int kept = 0;
        for (int i = 0; i < count; i++) {
            if (entries[i].inode != null) {
                entries[kept++] = entries[i];
            }
        }
        count = kept;
        append(SELF, self);
        append(PARENT, parent);
        Arrays.sort(entries, 0, count, (a, b) -> Arrays.compareUnsigned(a.name, b.name));
    }

    /** Whether a name is one of the two that every directory has. */
    static boolean isDotOrDotDot(byte[] name) {
        return name.length <= 2 && name[0] == '.' && name[name.length - 1] == '.';
    }

    /** The size of the sealed directory on disk, computed once. */
    long sizeBytes(int blockSizeBytes) {
        if (sizeBytes < 0) {
            sizeBytes = DirentBlocks.sizeBytes(this, blockSizeBytes);
        }
        return sizeBytes;
    }

    private void rebuildIndex() {
        int[] hashed = new int[Integer.highestOneBit(count) * 8];
        for (int i = 0; i < count; i++) {
            hashed[slot(hashed, entries[i].name)] = i + 1;
        }
        index = hashed;
    }

    /** Where {@code name} is, or would go. */
    private int slot(int[] hashed, byte[] name) {
        int slot = XxHash32.hash(name, HASH_SEED) & (hashed.length - 1);
        while (hashed[slot] != 0 && !Arrays.equals(entries[hashed[slot] - 1].name, name)) {
            slot = (slot + 1) & (hashed.length - 1);
        }
        return slot;
    }
}
