package io.lamina.host.cli;

import io.lamina.images.erofs.DeviceSlot;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.Superblock;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lamina erofs dump}. */
@Command(
        name = "dump",
        description = "Tells what the superblock and the device table of an image say.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina erofs dump layer.erofs --json"})
final class ErofsDumpCommand implements Callable<Integer> {
    @Mixin
    private ErofsFile file = new ErofsFile();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        return file.with(image -> {
            form.print(answer(image));
            return 0;
        });
    }

    private static Answer answer(ErofsImage image) {
        Superblock superblock = image.superblock();
        List<Object> devices = new ArrayList<>();
        List<String> lines = new ArrayList<>();
        for (DeviceSlot slot : image.devices()) {
            String tag = ErofsFile.Names.shown(slot.tag().getBytes(StandardCharsets.ISO_8859_1));
            devices.add(Map.of("tag", tag, "blocks", slot.blocks(), "startBlock", slot.uniaddrBlock()));
            lines.add("device " + devices.size() + "      " + slot.blocks() + " blocks from block "
                    + slot.uniaddrBlock() + ", " + tag);
        }
        return new Answer()
                .with("UUID", "uuid", superblock.uuid().toString())
                .with("block size", "blockSize", superblock.areas().blockSizeBytes())
                .with("blocks", "blocks", superblock.areas().blocks())
                .with("metadata at", "metaBlock", superblock.areas().metaBlock())
                .with("xattrs at", "xattrBlock", superblock.areas().xattrBlock())
                .with("root nid", "rootNid", superblock.tree().rootNid())
                .with("inodes", "inodes", superblock.tree().inodes())
                .with("epoch", "epochSeconds", superblock.epoch().seconds())
                .with(
                        "compat",
                        "featureCompat",
                        "0x%x".formatted(superblock.features().compat()))
                .with(
                        "incompat",
                        "featureIncompat",
                        "0x%x".formatted(superblock.features().incompat()))
                .withHidden("devices", devices)
                .withLines(lines);
    }
}
