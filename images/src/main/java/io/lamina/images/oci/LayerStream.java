package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import java.io.IOException;
import java.io.InputStream;

/** Layers as tars, or EROFS images, however they are stored. */
public final class LayerStream {
    private LayerStream() {}

    /**
     * The tar of {@code layer}. Where it ends, its diffID is checked: a wrong one is a {@link CorruptImageException} in
     * place of the end. A reader of tars therefore reads on to the end of the stream behind the end of the archive. The
     * digest of the stored bytes is not looked at, since the diffID says more.
     *
     * @throws UnsupportedImageException if it is stored in a way that is not read
     */
    public static InputStream uncompressed(StoredLayer layer) throws IOException {
        return new VerifiedInputStream(layer.toString(), unverified(layer), layer.diffId());
    }

    /**
     * As {@link #uncompressed}, for a reader that computes the diffID anyway and compares it: no byte is hashed twice.
     *
     * @throws UnsupportedImageException if it is stored in a way that is not read
     */
    public static InputStream unverified(StoredLayer layer) throws IOException {
        String what = layer.toString();
        Compression compression = MediaType.compression(what, layer.mediaType());
        InputStream stored = layer.openUnverified();
        boolean opened = false;
        try {
            InputStream tar = uncompressed(what, stored, compression);
            opened = true;
            return tar;
        } finally {
            if (!opened) {
                stored.close();
            }
        }
    }

    /**
     * A tar of any compression that is read, told apart by its first bytes.
     *
     * @param what names it in messages
     * @param stored is closed with the tar
     * @throws UnsupportedImageException if it is stored in a way that is not read
     */
    public static InputStream detected(String what, InputStream stored) throws IOException {
        byte[] first = stored.readNBytes(Compression.MAGIC_BYTES);
        return uncompressed(what, new ResumedStream(first, stored), Compression.ofFirstBytes(first));
    }

    private static InputStream uncompressed(String what, InputStream stored, Compression compression)
            throws IOException {
        return switch (compression) {
            case NONE -> stored;
            case GZIP -> new GzipStream(what, stored);
            case ZSTD -> zstd(what, stored);
        };
    }

    private static InputStream zstd(String what, InputStream stored) throws IOException {
        try {
            return new ZstdStream(what, stored);
        } catch (LinkageError noLibrary) {
            throw new UnsupportedImageException(
                    what, "zstd, for which zstd-jni is missing here; store the layer as tar+gzip");
        }
    }
}
