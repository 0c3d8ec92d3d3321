package io.lamina.guest;

import io.lamina.images.verity.VerityGeometry;
import java.util.SequencedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The blocks that dm-verity found corrupted, out of the kernel's log: the device's status says that there are some, the
 * log says which (verity_handle_err of
 * https://github.com/torvalds/linux/blob/v6.12/drivers/md/dm-verity-target.c). A command that runs as root can write
 * such lines too; it then fails its own run.
 */
final class CorruptedBlocks {
    private static final Pattern CORRUPTED = Pattern.compile(
            "device-mapper: verity: [0-9]+:[0-9]+: (?<kind>data|metadata) block (?<block>[0-9]{1,15}) is corrupted");

    /** Most blocks that are named; dm-verity itself stops logging after 100. */
    private static final int MAX_BLOCKS = 1024;

    private CorruptedBlocks() {}

    /**
     * The blocks that the log names, in data blocks from the device's start; those behind the data belong to the tree.
     * Possibly not all of them, since the kernel limits how often it logs.
     */
    static SequencedSet<Long> in(String kernelLog, VerityGeometry geometry) {
        int dataBlocksPerHashBlock = Math.max(1, geometry.hashBlockSizeBytes() / geometry.dataBlockSizeBytes());
        SequencedSet<Long> blocks = new TreeSet<>();
        Matcher matcher = CORRUPTED.matcher(kernelLog);
        while (blocks.size() < MAX_BLOCKS && matcher.find()) {
            long block = Long.parseLong(matcher.group("block"));
            blocks.add(matcher.group("kind").equals("data") ? block : block * dataBlocksPerHashBlock);
        }
        return blocks;
    }
}
