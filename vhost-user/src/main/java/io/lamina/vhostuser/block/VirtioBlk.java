package io.lamina.vhostuser.block;

/** Numbers of the block device: virtio 1.3, sections 5.2.3 and 5.2.6; {@code linux/virtio_blk.h}. */
public final class VirtioBlk {
    public static final long F_SIZE_MAX = 1L << 1;
    public static final long F_SEG_MAX = 1L << 2;
    public static final long F_RO = 1L << 5;
    public static final long F_BLK_SIZE = 1L << 6;
    public static final long F_FLUSH = 1L << 9;
    public static final long F_TOPOLOGY = 1L << 10;
    public static final long F_MQ = 1L << 12;
    public static final long F_DISCARD = 1L << 13;
    public static final long F_WRITE_ZEROES = 1L << 14;

    public static final int T_IN = 0;
    public static final int T_OUT = 1;
    public static final int T_FLUSH = 4;
    public static final int T_GET_ID = 8;
    public static final int T_DISCARD = 11;
    public static final int T_WRITE_ZEROES = 13;

    public static final byte S_OK = 0;
    public static final byte S_IOERR = 1;
    public static final byte S_UNSUPP = 2;

    /** The unit of capacity and of every position, whatever the logical block size. */
    public static final int SECTOR_BYTES = 512;

    /** Bytes of an answer to {@link #T_GET_ID}. */
    public static final int ID_BYTES = 20;

    /** A request's header: type u32, priority u32, sector u64. */
    public static final int HEADER_BYTES = 16;

    static final int HEADER_TYPE = 0;
    static final int HEADER_SECTOR = 8;

    private VirtioBlk() {}
}
