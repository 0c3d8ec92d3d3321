package io.lamina.linux;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;

/**
 * Devices of device-mapper
 * (https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/dm-ioctl.h). One thread uses an instance.
 */
public final class DeviceMapper implements AutoCloseable {
    /** A sector, the unit of tables, whatever the device's own block size is. */
    public static final int SECTOR_BYTES = 512;

    private static final String CONTROL = "/dev/mapper/control";

    /** Room for a status line; those of dm-verity have a few characters. */
    private static final int STATUS_BYTES = 4096;

    // Numbers of the calls, and what _IOWR(0xfd, number, struct dm_ioctl) makes of them.
    private static final int DM_DEV_CREATE = 3;
    private static final int DM_DEV_REMOVE = 4;
    private static final int DM_DEV_SUSPEND = 6;
    private static final int DM_TABLE_LOAD = 9;
    private static final int DM_TABLE_STATUS = 12;
    private static final long REQUEST = (3L << 30) | ((long) DmIoctl.HEADER_BYTES << 16) | (0xfd << 8);

    private final OwnedFd control;

    private DeviceMapper(OwnedFd control) {
        this.control = control;
    }

    /**
     * A line of a table.
     *
     * @param type the target's name, such as {@code verity}
     * @param lengthSectors its length in sectors of {@link #SECTOR_BYTES}
     * @param parameters what the target takes, as {@code dmsetup} writes it
     */
    public record Target(String type, long lengthSectors, String parameters) {}

    /**
     * Opens the control device.
     *
     * @throws SystemCallException if this kernel has no device-mapper, or this process no right to it
     */
    public static DeviceMapper open() throws SystemCallException {
        return new DeviceMapper(DeviceFile.open(CONTROL, DeviceFile.O_RDWR));
    }

    /**
     * Makes the read-only device {@code name} of targets that follow each other and starts it. Nothing remains of it if that fails.
     *
     * @return its node in {@code /dev}, which devtmpfs makes
     */
    public Path createReadOnly(String name, List<Target> targets) throws SystemCallException {
        return create(name, targets, DmIoctl.READ_ONLY);
    }

    /**
     * As {@link #createReadOnly}, for a device that can be written and whose parameters may hold a key: the kernel keeps no
     * copy of the call's argument, nor does this method.
     */
    public Path createSecret(String name, List<Target> targets) throws SystemCallException {
        return create(name, targets, DmIoctl.SECURE_DATA);
    }

    private Path create(String name, List<Target> targets, int flags) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            DmIoctl created = DmIoctl.of(arena, name, 0, 0);
            call(DM_DEV_CREATE, "DM_DEV_CREATE", name, created);
            try {
                DmIoctl table = DmIoctl.of(arena, name, flags, targets);
                try {
                    call(DM_TABLE_LOAD, "DM_TABLE_LOAD", name, table);
                } finally {
                    table.bytes().fill((byte) 0);
                }
                // Without its flag, this call resumes the device, which puts the table into use.
                call(DM_DEV_SUSPEND, "DM_DEV_SUSPEND", name, DmIoctl.of(arena, name, 0, 0));
            } catch (SystemCallException failure) {
                remove(name);
                throw failure;
            }
            return Path.of("/dev/dm-" + created.minor());
        }
    }

    /** What the target says of itself; for {@code verity} {@code V}, or {@code C} once a block was found corrupted. */
    public String status(String name) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            DmIoctl argument = DmIoctl.of(arena, name, 0, STATUS_BYTES);
            call(DM_TABLE_STATUS, "DM_TABLE_STATUS", name, argument);
            return argument.targetText();
        }
    }

    /** Takes the device {@code name} away; nobody may use it any more. */
    public void remove(String name) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            call(DM_DEV_REMOVE, "DM_DEV_REMOVE", name, DmIoctl.of(arena, name, 0, 0));
        }
    }

    @Override
    public void close() {
        control.close();
    }

    private void call(int number, String call, String name, DmIoctl argument) throws SystemCallException {
        long _ = SystemCall.IOCTL.call(
                call + " " + name,
                control.number(),
                REQUEST | number,
                argument.bytes().address());
    }
}
