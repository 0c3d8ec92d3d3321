package io.lamina.host.cli;

import io.lamina.images.erofs.DirentCursor;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.WalkBudget;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lamina erofs ls}. */
@Command(
        name = "ls",
        description = {
            "Lists a directory of an image.",
            "",
            "Control characters and bytes that are no UTF-8 are shown as \\xHH, and can be written so in PATH."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina erofs ls -l layer.erofs /etc"})
final class ErofsListCommand implements Callable<Integer> {
    @Mixin
    private ErofsFile file = new ErofsFile();

    @Parameters(index = "1", arity = "0..1", paramLabel = "PATH", description = "What to list (default: the root).")
    private String path = "/";

    @Option(names = "-l", description = "Tell mode, links, owner, size and time too.")
    private boolean detailed;

    @Option(names = "-R", description = "List what is below, too.")
    private boolean recursive;

    @Mixin
    private Answer.Form form = new Answer.Form();

    /** A directory to be listed, and its path: empty, or ending with a slash. */
    private record Named(String path, Inode directory) {}

    @Override
    public Integer call() throws IOException {
        return file.with(image -> {
            List<Object> entries = new ArrayList<>();
            Inode start = ErofsFile.find(image, path, true);
            if (start.type() != FileType.DIRECTORY) {
                tell(InodeWords.of(image, path, start), entries);
            } else {
                list(image, start, entries);
            }
            if (form.json()) {
                form.print(new Answer().withHidden("entries", entries));
            }
            return 0;
        });
    }

    private void list(ErofsImage image, Inode start, List<Object> entries) throws IOException {
        WalkBudget walk = new WalkBudget(image);
        ArrayDeque<Named> ahead = new ArrayDeque<>();
        ahead.add(new Named("", start));
        while (!ahead.isEmpty()) {
            Named named = ahead.remove();
            walk.spend(named.directory);
            DirentCursor cursor = image.entries(named.directory, walk);
            while (cursor.next()) {
                Inode inode = image.inode(cursor.nid());
                String shown = named.path + ErofsFile.Names.shown(cursor.name());
                tell(InodeWords.of(image, shown, inode), entries);
                if (recursive && inode.type() == FileType.DIRECTORY) {
                    ahead.add(new Named(shown + "/", inode));
                }
            }
        }
    }

    private void tell(InodeWords inode, List<Object> entries) throws IOException {
        if (form.json()) {
            entries.add(inode.members());
        } else {
            System.out.println(detailed ? inode.line() : inode.path());
        }
    }
}
