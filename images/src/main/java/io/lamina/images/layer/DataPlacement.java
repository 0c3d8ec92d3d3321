package io.lamina.images.layer;

import io.lamina.images.erofs.Content;
import java.io.IOException;

/** Where the data of regular files goes: out into the blob, or nowhere since the tar itself is the data. */
interface DataPlacement {
    /** Gives the content of {@code file}, whose stored bytes {@code tar} gives next; it may leave them unread. */
    Content place(TarEntry entry, TarEntry.File file, TarReader tar) throws IOException;
}
