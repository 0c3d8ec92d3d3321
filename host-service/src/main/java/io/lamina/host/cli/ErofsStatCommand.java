package io.lamina.host.cli;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lamina erofs stat}. */
@Command(
        name = "stat",
        description =
                "Tells all of an inode: type, mode, owner, time, size, layout on disk, extended attributes (base64).",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina erofs stat layer.erofs /etc/passwd"})
final class ErofsStatCommand implements Callable<Integer> {
    @Mixin
    private ErofsFile file = new ErofsFile();

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "PATH",
            description = "A path (default: the root); a symbolic link at its end is not followed.")
    private String path = "/";

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        return file.with(image -> {
            Map<String, Object> members = InodeWords.of(image, path, ErofsFile.find(image, path, false))
                    .members();
            Answer answer = new Answer();
            members.forEach((key, value) -> answer.with(key, key, value));
            form.print(answer);
            return 0;
        });
    }
}
