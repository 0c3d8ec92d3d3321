package io.lamina.host.cli;

import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.device.VhdFooter;
import io.lamina.images.device.VmdkDescriptor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lamina device flatten}. */
@Command(
        name = "flatten",
        description = {
            "Makes one flattened device: fsmeta, each layer blob, and the hash tree behind them.",
            "",
            "A raw file shares its blocks with the blobs where the file system can do that (reflink), and has holes where the "
                    + "device has zeroes."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina device flatten oci:layout:latest --raw image.raw --hash image.hash",
            "  lamina device flatten base.erofs top.erofs --vmdk image.vmdk",
            "  lamina device flatten oci:layout --print --json"
        })
final class DeviceFlattenCommand implements Callable<Integer> {
    /** The ways to have the device. */
    static final class Forms {
        @Option(names = "--raw", paramLabel = "FILE", description = "Write it as a raw file.")
        private @Nullable Path raw;

        @Option(
                names = "--vmdk",
                paramLabel = "FILE",
                description = {
                    "Describe it as a VMDK whose extents are the blobs where they lie; FILE.parts holds what is in no file. "
                            + "It is good as long as those files stay."
                })
        private @Nullable Path vmdk;

        @Option(names = "--vhd", paramLabel = "FILE", description = "Write it as a fixed VHD, as Hyper-V takes it.")
        private @Nullable Path vhd;

        @Option(names = "--print", description = "List its extents: first byte, length in bytes, where they come from.")
        private boolean print;
    }

    @ArgGroup(exclusive = false, multiplicity = "1")
    private Forms forms = new Forms();

    @Option(
            names = "--hash",
            paramLabel = "FILE",
            description = "Write the hash tree alone too, as veritysetup takes it with --no-superblock.")
    private @Nullable Path hash;

    @Mixin
    private DeviceArguments arguments = new DeviceArguments();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        arguments.withDevice(this::flatten);
        return 0;
    }

    private void flatten(FlattenedDevice device) throws IOException {
        Answer answer = arguments.describe(device);
        if (forms.raw != null) {
            write(forms.raw, device, ByteBuffer.allocate(0));
            answer.with("raw", "raw", forms.raw.toString());
        }
        if (forms.vhd != null) {
            write(forms.vhd, device, VhdFooter.of(device));
            answer.with("vhd", "vhd", forms.vhd.toString());
        }
        if (forms.vmdk != null) {
            vmdk(forms.vmdk, device);
            answer.with("vmdk", "vmdk", forms.vmdk.toString());
        }
        if (hash != null) {
            try (OutputFile file = OutputFile.to(hash)) {
                device.writeHashTree(file.channel());
                file.publish();
            }
            answer.with("hash tree", "hash", hash.toString());
        }
        if (forms.print) {
            answer.withLines(device.list().lines().toList());
            answer.withHidden("extents", extents(device));
        }
        form.print(answer);
    }

    private static void write(Path target, FlattenedDevice device, ByteBuffer footer) throws IOException {
        try (OutputFile file = OutputFile.to(target)) {
            device.writeRaw(file.channel());
            long at = device.sizeBytes();
            while (footer.hasRemaining()) {
                at += file.channel().write(footer, at);
            }
            file.publish();
        }
    }

    private static void vmdk(Path target, FlattenedDevice device) throws IOException {
        Path parts = target.resolveSibling(target.getFileName() + ".parts").toAbsolutePath();
        try (OutputFile rest = OutputFile.to(parts);
                OutputFile descriptor = OutputFile.to(target)) {
            FlattenedDevice stored = device.withRestIn(rest.building(), file -> !file.startsWith("/proc"));
            FlattenedDevice named = stored.withFileNamed(rest.building(), parts);
            ByteBuffer text = ByteBuffer.wrap(VmdkDescriptor.of(named).getBytes(StandardCharsets.UTF_8));
            while (text.hasRemaining()) {
                descriptor.channel().write(text);
            }
            rest.publish();
            descriptor.publish();
        }
    }

    private static List<Object> extents(FlattenedDevice device) {
        List<Object> extents = new ArrayList<>();
        for (Extent extent : device.extents()) {
            Map<String, Object> members = new TreeMap<>();
            members.put("startByte", extent.startByte());
            members.put("lengthBytes", extent.lengthBytes());
            members.put(
                    "kind",
                    switch (extent) {
                        case Extent.FileExtent _ -> "file";
                        case Extent.MemoryExtent _ -> "memory";
                        case Extent.ZeroExtent _ -> "zero";
                    });
            if (extent instanceof Extent.FileExtent file) {
                members.put("file", file.file().toString());
                members.put("fileOffsetBytes", file.fileOffsetBytes());
            }
            extents.add(members);
        }
        return extents;
    }
}
