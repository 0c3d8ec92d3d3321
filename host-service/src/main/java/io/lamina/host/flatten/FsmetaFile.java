package io.lamina.host.flatten;

import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.hash.Sha256;
import io.lamina.images.merge.Fsmeta;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.Memfd;
import io.lamina.linux.OwnedFd;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;

/**
 * The merged metadata of some layers, in a memory file.
 *
 * @param memory sealed; an extent of a device names it
 * @param digest sha256 of its bytes
 * @param merged what the merge has told of it
 */
public record FsmetaFile(OwnedFd memory, Digest digest, Fsmeta merged) implements AutoCloseable {
    /** Merges layers, base first. */
    public static FsmetaFile merge(List<LayerImage> baseFirst) throws IOException {
        OwnedFd memory = Memfd.create("fsmeta", 0);
        try (FileChannel channel = FileChannel.open(MemoryFiles.path(memory), READ, WRITE)) {
            Fsmeta fsmeta = Merger.merge(baseFirst, channel);
            Memfd.seal(memory, Memfd.F_SEAL_SHRINK | Memfd.F_SEAL_GROW | Memfd.F_SEAL_WRITE);
            Sha256 sha256 = Sha256.create();
            sha256.update(channel);
            return new FsmetaFile(memory, Digest.of(sha256.digest()), fsmeta);
        } catch (IOException | RuntimeException failure) {
            memory.close();
            throw failure;
        }
    }

    /** Inodes of the merged tree. */
    public long inodes() {
        return merged.inodes();
    }

    /** Length in bytes. */
    public long sizeBytes() {
        return merged.blocks() * merged.blockSizeBytes();
    }

    /** The file by a path that is good as long as this is open. */
    public Path path() {
        return MemoryFiles.path(memory);
    }

    /** Fsmeta as the first part of a device. */
    public DevicePart part(VerityGeometry geometry) throws IOException {
        return DevicePart.hashing("fsmeta", new Extent.FileExtent(0, sizeBytes(), path(), 0), geometry);
    }

    @Override
    public void close() {
        memory.close();
    }
}
