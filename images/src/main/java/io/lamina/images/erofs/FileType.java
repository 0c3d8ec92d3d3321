package io.lamina.images.erofs;

import org.jspecify.annotations.Nullable;

/** The seven kinds of file, with their bits in a mode (inode(7)) and their code in a dirent (kernel: include/linux/fs_types.h). */
public enum FileType {
    REGULAR(0x8000, 1),
    DIRECTORY(0x4000, 2),
    CHARACTER_DEVICE(0x2000, 3),
    BLOCK_DEVICE(0x6000, 4),
    FIFO(0x1000, 5),
    SOCKET(0xC000, 6),
    SYMLINK(0xA000, 7);

    /** The bits of a mode that hold the type. */
    public static final int MODE_MASK = 0xF000;

    /** The bits of a mode that hold permissions, set-id bits and the sticky bit. */
    public static final int PERMISSIONS_MASK = 0x0FFF;

    private static final @Nullable FileType[] BY_MODE = new @Nullable FileType[16];

    static {
        for (FileType type : values()) {
            BY_MODE[type.modeBits >> 12] = type;
        }
    }

    private final int modeBits;
    private final int direntCode;

    FileType(int modeBits, int direntCode) {
        this.modeBits = modeBits;
        this.direntCode = direntCode;
    }

    /** The type in {@code mode}, or null if there is no such type. */
    public static @Nullable FileType ofMode(int mode) {
        return BY_MODE[(mode & MODE_MASK) >> 12];
    }

    /** This type's bits in a mode. */
    public int modeBits() {
        return modeBits;
    }

    /** This type's code in the byte {@code file_type} of a dirent. */
    public int direntCode() {
        return direntCode;
    }
}
