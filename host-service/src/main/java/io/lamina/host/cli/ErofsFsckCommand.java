package io.lamina.host.cli;

import io.lamina.host.run.ImageRun;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.ImageCheck;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lamina erofs fsck}. */
@Command(
        name = "fsck",
        description = {
            "Reads everything of an image, its data too, and tells what is wrong with it.",
            "",
            "Data of further devices is read where the image's device table says that it lies in one flattened file. The exit "
                    + "status is 123 for a damaged image, each damage one line with structure, byte and rule."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina erofs fsck layer.erofs"})
final class ErofsFsckCommand implements Callable<Integer> {
    @Mixin
    private ErofsFile file = new ErofsFile();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        return file.with(image -> {
            Progress progress = new Progress("checking");
            long sizeBytes = Files.size(file.path());
            ImageCheck.Findings findings;
            try {
                findings = ImageCheck.run(image, done -> progress.bytes(done, sizeBytes));
            } finally {
                progress.done();
            }
            form.print(answer(findings));
            return findings.problems().isEmpty() ? 0 : ImageRun.STATUS_INTEGRITY;
        });
    }

    private static Answer answer(ImageCheck.Findings findings) {
        Map<String, Object> types = new TreeMap<>();
        for (FileType type : FileType.values()) {
            types.put(type.name().toLowerCase(Locale.ROOT), findings.counts().getOrDefault(type, 0L));
        }
        return new Answer()
                .with("image", "clean", findings.problems().isEmpty() ? "clean" : "damaged")
                .withHidden("clean", findings.problems().isEmpty())
                .with("inodes", "inodes", findings.inodes())
                .with("data bytes", "dataBytes", findings.dataBytes())
                .withHidden("types", types)
                .withHidden("problems", findings.problems())
                .withLines(findings.problems());
    }
}
