package io.lamina.host.cli;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lamina erofs cat}. */
@Command(
        name = "cat",
        description = {
            "Writes the content of a file of an image to the standard output.",
            "",
            "With --json the content is a string of the answer, for files of up to 1 MiB that are text."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina erofs cat layer.erofs /etc/os-release"})
final class ErofsCatCommand implements Callable<Integer> {
    private static final int PIECE_BYTES = 1 << 20;

    @Mixin
    private ErofsFile file = new ErofsFile();

    @Parameters(index = "1", paramLabel = "PATH", description = "A regular file; symbolic links are followed.")
    private String path = "";

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        return file.with(image -> {
            Inode inode = ErofsFile.find(image, path, true);
            if (inode.type() != FileType.REGULAR) {
                throw new IOException(file.path() + ": " + path + " is no regular file");
            }
            if (form.json()) {
                form.print(new Answer()
                        .with("path", "path", path)
                        .with("bytes", "sizeBytes", inode.data().sizeBytes())
                        .with("content", "content", text(image, inode)));
            } else {
                copy(image, inode);
            }
            return 0;
        });
    }

    private String text(ErofsImage image, Inode inode) throws IOException {
        if (inode.data().sizeBytes() > PIECE_BYTES) {
            throw new IOException(
                    file.path() + ": " + path + " has " + inode.data().sizeBytes()
                            + " bytes, and a JSON answer has at most " + PIECE_BYTES + "; leave --json out");
        }
        ByteBuffer content = ByteBuffer.allocate((int) inode.data().sizeBytes());
        image.read(inode, 0, content);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(content.flip()).toString();
        } catch (CharacterCodingException binary) {
            throw new IOException(file.path() + ": " + path + " is no UTF-8 text; leave --json out", binary);
        }
    }

    private static void copy(ErofsImage image, Inode inode) throws IOException {
        ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
        for (long at = 0; at < inode.data().sizeBytes(); at += piece.position()) {
            image.read(inode, at, piece.clear());
            System.out.write(piece.array(), 0, piece.position());
            if (System.out.checkError()) {
                return; // nobody reads any more
            }
        }
        System.out.flush();
    }
}
