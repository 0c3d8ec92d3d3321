package io.lamina.host.shim;

import io.lamina.host.store.RefusedException;
import io.lamina.linux.DirectoryTree;
import io.lamina.linux.ProcessIdentity;
import io.lamina.shim.attachment.Attachment;
import io.lamina.shim.attachment.Attachment.Owner;
import io.lamina.shim.attachment.AttachmentJson;
import io.lamina.shim.attachment.Texts;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * The attachments of an installation:
 *
 * <pre>
 * attachments/leases/ID/attachment.json    the lease; what is beside it is this attachment's alone
 * attachments/images/ROOTHASH/             forms of an image, for all of its attachments
 * </pre>
 *
 * <p>A lease is there once its message is, and gone before what it held is removed. Blobs that a form points to are held
 * by hard links, which the store's garbage collection does not see and need not.
 */
public final class AttachmentDirectory {
    private static final String MESSAGE = "attachment.json";

    private final Path root;

    private AttachmentDirectory(Path root) {
        this.root = root;
    }

    /** Opens the directory in {@code home}, making it (mode 0700) when it is new. */
    public static AttachmentDirectory in(Path home) throws IOException {
        var ownerOnly = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        AttachmentDirectory directory = new AttachmentDirectory(home.resolve("attachments"));
        Files.createDirectories(directory.root.resolve("leases"), ownerOnly);
        Files.createDirectories(directory.root.resolve("images"), ownerOnly);
        return directory;
    }

    /** Where the files of one attachment are. */
    public Path lease(String id) {
        return root.resolve("leases").resolve(id);
    }

    /** Where the forms of one image are. */
    Path image(String rootHash) {
        return root.resolve("images").resolve(rootHash);
    }

    /** Notes an attachment, durably. */
    void publish(Attachment attachment) throws IOException {
        Path directory = lease(attachment.id());
        Path building = directory.resolve(MESSAGE + "~");
        write(building, AttachmentJson.write(attachment));
        Files.move(building, directory.resolve(MESSAGE), StandardCopyOption.ATOMIC_MOVE);
        DirectoryTree.force(directory);
    }

    /** Writes a file whole and on disk. */
    static void write(Path file, byte[] content) throws IOException {
        try (FileChannel out = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                out.write(bytes);
            }
            out.force(true);
        }
    }

    /**
     * The attachment {@code id}.
     *
     * @throws RefusedException if there is none
     */
    public Attachment get(String id) throws IOException {
        Path file = lease(Texts.name("attachment", id)).resolve(MESSAGE);
        try {
            return AttachmentJson.read(Files.readAllBytes(file));
        } catch (NoSuchFileException none) {
            throw new RefusedException(
                    RefusedException.Reason.NOT_FOUND, "there is no attachment " + id + "; see lamina attach --list");
        }
    }

    /** All attachments, by id. */
    public List<Attachment> all() throws IOException {
        List<Attachment> all = new ArrayList<>();
        for (Path directory : DirectoryTree.entries(root.resolve("leases"))) {
            if (Files.exists(directory.resolve(MESSAGE))) {
                all.add(get(directory.getFileName().toString()));
            }
        }
        return all;
    }

    /** Those whose owner has ended. */
    public List<Attachment> ownerless() throws IOException {
        List<Attachment> dead = new ArrayList<>();
        for (Attachment attachment : all()) {
            if (!isAlive(attachment.owner())) {
                dead.add(attachment);
            }
        }
        return dead;
    }

    /** Whether the owner's process is still there; one without a process never ends. */
    static boolean isAlive(Owner owner) throws IOException {
        if (owner.pid() == 0) {
            return true;
        }
        OptionalLong start = ProcessIdentity.startTicks(owner.pid());
        return start.isPresent()
                && start.getAsLong() == owner.startTicks()
                && ProcessIdentity.bootId().equals(owner.bootId());
    }

    /** Removes a lease and its files, and the image's forms when no other lease is on it. */
    void remove(Attachment attachment) throws IOException {
        Files.deleteIfExists(lease(attachment.id()).resolve(MESSAGE));
        DirectoryTree.delete(lease(attachment.id()));
        String rootHash = attachment.device().rootHash().hex();
        boolean used = false;
        for (Attachment other : all()) {
            used |= other.device().rootHash().hex().equals(rootHash);
        }
        if (!used) {
            DirectoryTree.delete(image(rootHash));
        }
    }
}
