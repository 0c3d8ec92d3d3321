package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Inode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Reads a tar from front to back: ustar, pax (with global headers), GNU's long names, base-256 numbers and sparse files.
 * Strict: whatever breaks a rule is refused with entry number, name, byte offset and rule. Where programs differ, Go's
 * archive/tar is followed, since containerd, umoci and Docker unpack with it.
 */
final class TarReader {
    /** The most bytes of a pax header or a GNU long name. */
    private static final int MAX_EXTENSION_BYTES = 1 << 20;

    private final TarInput in;
    private final TarHeader header = new TarHeader();
    private final PaxRecords pax = new PaxRecords();
    private final TarMetadata metadata = new TarMetadata(header, pax);

    private long number;
    private long entryOffset;
    private byte @Nullable [] longName;
    private byte @Nullable [] longLink;
    /** Bytes of the current entry that nobody has read yet, and the padding behind them. */
    private long unread;

    private int padding;

    TarReader(TarInput in) {
        this.in = in;
    }

    /** The next entry, or null at the end of the archive. */
    @Nullable
    TarEntry next() throws IOException {
        skipRest();
        number++;
        entryOffset = in.positionBytes();
        longName = null;
        longLink = null;
        pax.endEntry();
        boolean extended = false;
        while (readHeader(extended)) {
            try {
                switch (header.typeflag()) {
                    case 'x', 'X' -> pax.readLocal(extension());
                    case 'g' -> {
                        pax.readGlobal(extension());
                        continue;
                    }
                    case 'L' -> longName = untilNul(extension());
                    case 'K' -> longLink = untilNul(extension());
                    case 'V' -> {
                        // The name of the volume; it describes no file.
                        startPayload(size(TarHeader.Field.SIZE));
                        skipRest();
                        continue;
                    }
                    default -> {
                        return entry();
                    }
                }
            } catch (TarNumberException broken) {
                throw corrupt(broken);
            }
            extended = true;
        }
        return null;
    }

    /** Reads bytes that are stored for the current entry. */
    void readStored(byte[] into, int start, int length) throws IOException {
        in.read(into, start, length);
        unread -= length;
    }

    /** As {@link #readStored}, for bytes that go into the blob. */
    void readData(ByteBuffer into, int start, int length) throws IOException {
        in.readData(into, start, length);
        unread -= length;
    }

    private void skipRest() throws IOException {
        in.skip(unread + padding);
        unread = 0;
        padding = 0;
    }

    /** @return false at the end of the archive, which must not come after {@code extended} headers */
    private boolean readHeader(boolean extended) throws IOException {
        if (in.atEnd()) {
            return endOfArchive(extended);
        }
        long start = in.positionBytes();
        in.read(header.block(), 0, TarHeader.BLOCK_BYTES);
        if (header.isZero()) {
            if (!in.atEnd()) {
                in.read(header.block(), 0, TarHeader.BLOCK_BYTES);
                if (!header.isZero()) {
                    throw new CorruptImageException(
                            "tar entry " + number, start, "one block of zeroes, where two end the archive");
                }
            }
            return endOfArchive(extended);
        }
        try {
            if (!header.checksumMatches()) {
                throw new CorruptImageException(
                        TarEntry.what(number, new RawPath(header.name())), start, "header checksum does not match");
            }
        } catch (TarNumberException broken) {
            throw new CorruptImageException("tar entry " + number, start, "header checksum is " + broken.getMessage());
        }
        return true;
    }

    private boolean endOfArchive(boolean extended) throws CorruptImageException {
        if (extended) {
            throw new CorruptImageException(
                    "tar entry " + number, entryOffset, "the archive ends after a header that extends the next");
        }
        return false;
    }

    private byte[] extension() throws IOException, TarNumberException {
        long size = size(TarHeader.Field.SIZE);
        if (size > MAX_EXTENSION_BYTES) {
            throw new TarNumberException("extended header of " + size + " bytes, more than " + MAX_EXTENSION_BYTES);
        }
        startPayload(size);
        byte[] content = readExtension((int) size);
        skipRest();
        return content;
    }

    /** Grows with the bytes that are there, not with those that the header promises. */
    private byte[] readExtension(int size) throws IOException {
        byte[] content = new byte[Math.min(size, 4096)];
        int done = 0;
        while (done < size) {
            if (done == content.length) {
                content = Arrays.copyOf(content, Math.min(size, done * 4));
            }
            readStored(content, done, content.length - done);
            done = content.length;
        }
        return content;
    }

    private static byte[] untilNul(byte[] text) {
        int end = 0;
        while (end < text.length && text[end] != 0) {
            end++;
        }
        return Arrays.copyOf(text, end);
    }

    private long size(TarHeader.Field field) throws TarNumberException {
        long size = header.number(field);
        if (size < 0) {
            throw new TarNumberException("size is negative: " + size);
        }
        return size;
    }

    private void startPayload(long bytes) throws TarNumberException {
        if (bytes > Long.MAX_VALUE - TarHeader.BLOCK_BYTES) {
            throw new TarNumberException("size of " + bytes + " bytes");
        }
        unread = bytes;
        padding = (int) (-bytes & (TarHeader.BLOCK_BYTES - 1));
    }

    private TarEntry entry() throws IOException, TarNumberException {
        RawPath path = path();
        TarEntry.Position position = new TarEntry.Position(number, entryOffset);
        byte type = (byte) header.typeflag();
        if (type == 0 && path.bytes().length > 0 && path.bytes()[path.bytes().length - 1] == '/') {
            type = '5'; // before ustar, a slash made a directory
        }
        TarEntry.Body body = switch (type) {
            case 0, '0', '7', 'S' -> file(type == 'S');
            case '1' -> new TarEntry.HardLink(linkTarget());
            case '2' -> symbolicLink();
            case '3', '4' -> new TarEntry.DeviceNode(metadata.deviceNumber());
            case '5' -> new TarEntry.DirectoryNode();
            case '6' -> new TarEntry.Fifo();
            default ->
                throw new UnsupportedImageException(
                        TarEntry.what(number, path) + " at byte " + entryOffset,
                        "entries of type 0x%02x are not read".formatted(type & 0xFF));
        };
        return new TarEntry(position, path, metadata.attributes(type), body);
    }

    private RawPath path() {
        byte[] sparseName = pax.value("GNU.sparse.name");
        byte[] paxPath = pax.value("path");
        if (sparseName != null) {
            return new RawPath(sparseName);
        }
        if (longName != null) {
            return new RawPath(longName);
        }
        return new RawPath(paxPath != null ? paxPath : header.name());
    }

    private RawPath linkTarget() throws TarNumberException {
        byte[] paxLink = pax.value("linkpath");
        byte[] target = longLink != null ? longLink : paxLink != null ? paxLink : header.text(TarHeader.Field.LINKNAME);
        if (target.length == 0) {
            throw new TarNumberException("link without a target");
        }
        return new RawPath(target);
    }

    private TarEntry.SymbolicLink symbolicLink() throws TarNumberException {
        RawPath target = linkTarget();
        if (target.bytes().length > Inode.MAX_SYMLINK_BYTES) {
            throw new TarNumberException(
                    "symbolic link of " + target.bytes().length + " bytes, more than " + Inode.MAX_SYMLINK_BYTES);
        }
        for (byte b : target.bytes()) {
            if (b == 0) {
                throw new TarNumberException("NUL in a symbolic link");
            }
        }
        return new TarEntry.SymbolicLink(target);
    }

    private TarEntry.File file(boolean gnuSparse) throws IOException, TarNumberException {
        long stored = pax.number("size", size(TarHeader.Field.SIZE));
        if (stored < 0) {
            throw new TarNumberException("size is negative: " + stored);
        }
        SparseMapReader maps = new SparseMapReader(this, header, pax);
        if (gnuSparse) {
            long size = size(TarHeader.Field.GNU_REAL_SIZE);
            SparseMap map = maps.readGnuHeader(in);
            startPayload(stored);
            map.check(size, stored);
            return new TarEntry.File(size, stored, map);
        }
        startPayload(stored);
        SparseMap map = maps.readPax();
        if (map == null) {
            return new TarEntry.File(stored, stored, SparseMap.whole(stored));
        }
        long size = maps.paxRealSize();
        map.check(size, unread);
        return new TarEntry.File(size, unread, map);
    }

    /** Where in the tar the next stored byte of the current entry is. */
    long positionBytes() {
        return in.positionBytes();
    }

    /** Bytes of the current entry that are not read yet. */
    long unreadBytes() {
        return unread;
    }

    private CorruptImageException corrupt(TarNumberException broken) {
        return new CorruptImageException(
                TarEntry.what(number, path()), entryOffset, String.valueOf(broken.getMessage()));
    }
}
