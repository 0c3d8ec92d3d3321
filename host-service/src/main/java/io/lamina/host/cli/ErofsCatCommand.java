package io.lamina.host.cli;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lamina erofs cat}. */
@Command(
        name = "cat",
        description = "Writes the content of a file of an image to the standard output.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina erofs cat layer.erofs /etc/os-release"})
final class ErofsCatCommand implements Callable<Integer> {
    private static final int PIECE_BYTES = 1 << 20;

    @Mixin
    private ErofsFile file = new ErofsFile();

    @Parameters(index = "1", paramLabel = "PATH", description = "A regular file; symbolic links are followed.")
    private String path = "";

    @Override
    public Integer call() throws IOException {
        return file.with(image -> {
            Inode inode = ErofsFile.find(image, path, true);
            if (inode.type() != FileType.REGULAR) {
                throw new IOException(file.path() + ": " + path + " is no regular file");
            }
            copy(image, inode);
            return 0;
        });
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
