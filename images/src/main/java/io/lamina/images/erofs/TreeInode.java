package io.lamina.images.erofs;

/**
 * An inode of a tree that is to be written. Its contents stay; its attributes may change until the tree is laid out.
 * Several names may lead to one inode that is no directory.
 */
public final class TreeInode {
    private Attributes attributes;
    private final Content content;

    // Below: the layout's results.
    private int links;
    private int nid;
    private long contentBlock;
    private boolean extended;

    /** An inode; the type in the mode must agree with the contents. */
    public TreeInode(Attributes attributes, Content content) {
        this.attributes = attributes;
        this.content = content;
    }

    /** What the inode says besides its contents. */
    public Attributes attributes() {
        return attributes;
    }

    /** Replaces the attributes. */
    public void setAttributes(Attributes replacement) {
        attributes = replacement;
    }

    /** What the inode contains. */
    public Content content() {
        return content;
    }

    /** The inode's kind. */
    public FileType type() {
        FileType type = FileType.ofMode(attributes.mode());
        if (type == null) {
            throw new IllegalStateException("mode " + Integer.toOctalString(attributes.mode()));
        }
        return type;
    }

    int links() {
        return links;
    }

    void setLinks(int count) {
        links = count;
    }

    /** Unsigned; a node id in units of {@link Inode#NID_BYTES}. */
    int nid() {
        return nid;
    }

    void setNid(int position) {
        nid = position;
    }

    /** The first block of contents that the metadata itself stores in blocks. */
    long contentBlock() {
        return contentBlock;
    }

    void setContentBlock(long block) {
        contentBlock = block;
    }

    boolean extended() {
        return extended;
    }

    void setExtended(boolean large) {
        extended = large;
    }
}
