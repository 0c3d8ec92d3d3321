package io.lamina.host.run;

import io.lamina.host.flatten.MemoryFiles;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.LayerStream;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.oci.StoredLayer;
import io.lamina.linux.Memfd;
import io.lamina.linux.OwnedFd;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;

/**
 * An image's tars one after the other, each filled up to a multiple of {@link FlattenedDevice#PART_ALIGNMENT_BYTES}: the
 * disk of a guest that converts by itself.
 *
 * @param extents the disk
 * @param tarLengthsBytes length of each tar, base first
 * @param memory the tars, uncompressed, in memory files
 */
record TarDisk(List<Extent> extents, List<Long> tarLengthsBytes, List<OwnedFd> memory) implements AutoCloseable {
    /** Uncompresses and verifies all layers of {@code image}. */
    static TarDisk of(StoredImage image) throws IOException {
        List<Extent> extents = new ArrayList<>();
        List<Long> lengths = new ArrayList<>();
        List<OwnedFd> memory = new ArrayList<>();
        TarDisk disk = new TarDisk(extents, lengths, memory);
        long end = 0;
        try {
            for (StoredLayer layer : image.layers()) {
                OwnedFd file = Memfd.create("tar", 0);
                memory.add(file);
                try (InputStream tar = LayerStream.uncompressed(layer);
                        OutputStream out = Files.newOutputStream(MemoryFiles.path(file))) {
                    lengths.add(tar.transferTo(out));
                }
                extents.add(new Extent.FileExtent(end, lengths.getLast(), MemoryFiles.path(file), 0));
                end += lengths.getLast();
                long aligned = Math.ceilDiv(end, FlattenedDevice.PART_ALIGNMENT_BYTES)
                        * (long) FlattenedDevice.PART_ALIGNMENT_BYTES;
                if (end < aligned) {
                    extents.add(new Extent.ZeroExtent(end, aligned - end));
                }
                end = aligned;
            }
            return disk;
        } catch (IOException failure) {
            disk.close();
            throw failure;
        }
    }

    @Override
    public void close() {
        memory.forEach(OwnedFd::close);
    }
}
