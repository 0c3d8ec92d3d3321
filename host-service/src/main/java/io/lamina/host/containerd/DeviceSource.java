package io.lamina.host.containerd;

import io.lamina.host.flatten.StoredDevices;
import io.lamina.host.store.BlobName;
import io.lamina.images.device.DeviceReader;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.erofs.ByteSource;
import io.lamina.images.layer.LayerConverter;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** A flattened device, or an empty image, to be read as an image. One thread at a time. */
final class DeviceSource implements ByteSource, AutoCloseable {
    private static final int EMPTY_TAR_BYTES = 1024;

    private final ByteSource source;
    private final AutoCloseable open;

    private DeviceSource(ByteSource source, AutoCloseable open) {
        this.source = source;
        this.open = open;
    }

    /** The device of these layers. */
    static DeviceSource of(StoredDevices devices, List<BlobName> layers) throws IOException {
        if (layers.isEmpty()) {
            return empty();
        }
        devices.bringHere(layers);
        return of(devices.device(devices.fsmeta(layers)));
    }

    private static DeviceSource of(FlattenedDevice device) {
        DeviceReader reader = DeviceReader.open(device);
        return new DeviceSource(reader.bytes(), reader);
    }

    private static DeviceSource empty() throws IOException {
        Path image = Files.createTempFile("lamina-", ".erofs");
        Path leaves = Files.createTempFile("lamina-", ".leaves");
        FileChannel file = FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try (FileChannel leavesFile = FileChannel.open(leaves, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            LayerConverter.convert(new ByteArrayInputStream(new byte[EMPTY_TAR_BYTES]), file, leavesFile);
            return new DeviceSource(ByteSource.of(file), file);
        } finally {
            Files.delete(image);
            Files.delete(leaves);
        }
    }

    @Override
    public long lengthBytes() throws IOException {
        return source.lengthBytes();
    }

    @Override
    public void read(long offsetBytes, byte[] into, int at, int length) throws IOException {
        source.read(offsetBytes, into, at, length);
    }

    @Override
    public void close() throws IOException {
        try {
            open.close();
        } catch (IOException | RuntimeException failure) {
            throw failure;
        } catch (Exception other) {
            throw new IOException(other);
        }
    }
}
