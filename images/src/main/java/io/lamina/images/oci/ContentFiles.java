package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/** The files of a layout by their paths within it, whether they lie in a directory or in an archive. */
sealed interface ContentFiles {
    /** What to call the whole in messages. */
    String what();

    /**
     * The regular file at {@code path}, or nothing.
     *
     * @param path relative, with slashes; made here and never taken from an image unchecked
     */
    Optional<StoredFile> find(String path) throws IOException;

    /** The regular file at {@code path}, which must be there. */
    default StoredFile get(String path) throws IOException {
        Optional<StoredFile> file = find(path);
        if (file.isEmpty()) {
            throw new CorruptImageException(what(), "has no file " + path);
        }
        return file.get();
    }

    /** The blob of {@code digest}: its own file under {@code blobs}. */
    default StoredFile blob(Digest digest) throws IOException {
        return get("blobs/sha256/" + digest.hex());
    }

    /**
     * The blob of a layer, which whoever reads it misses if it is not there: what it was converted to may be in a store.
     *
     * @param sizeBytes as its descriptor says
     */
    default StoredFile layer(Digest digest, long sizeBytes) throws IOException {
        return blob(digest);
    }

    /** A directory on disk. */
    record Directory(Path root) implements ContentFiles {
        @Override
        public String what() {
            return "layout " + root;
        }

        @Override
        public Optional<StoredFile> find(String path) throws IOException {
            Path file = root.resolve(path);
            return Files.isRegularFile(file)
                    ? Optional.of(new StoredFile(file, file.toString(), 0, Files.size(file)))
                    : Optional.empty();
        }

        @Override
        public StoredFile layer(Digest digest, long sizeBytes) throws IOException {
            String path = "blobs/sha256/" + digest.hex();
            Optional<StoredFile> file = find(path);
            return file.orElseGet(
                    () -> new StoredFile(root.resolve(path), what() + " has no file " + path, 0, sizeBytes));
        }
    }

    /** A tar archive. */
    record Archive(Path file, TarIndex members) implements ContentFiles {
        /** Reads all headers of {@code file} once, and none of its contents. */
        static Archive index(Path file) throws IOException {
            if (!Files.isRegularFile(file)) {
                throw new java.nio.file.NoSuchFileException(file.toString(), null, "no regular file");
            }
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                return new Archive(file, TarIndex.read("archive " + file, channel));
            }
        }

        @Override
        public String what() {
            return "archive " + file;
        }

        @Override
        public Optional<StoredFile> find(String path) throws IOException {
            return members.find(path)
                    .map(member ->
                            new StoredFile(file, what() + " member " + path, member.offsetBytes(), member.sizeBytes()));
        }
    }
}
