package io.lamina.host.cli;

import io.lamina.host.flatten.LayerFileSet.LayerFile;
import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.layer.ConvertedLayer;
import io.lamina.images.layer.IndexedLayer;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.LayerStream;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lamina layer convert}. */
@Command(
        name = "convert",
        description = {
            "Converts the tar of a layer to an EROFS image, the layer blob.",
            "",
            "The same tar gives the same blob, on every machine. Beside OUT.erofs a small OUT.erofs.recipe is left, with which "
                    + "'layer export' gives back the identical tar. Both appear whole, or not at all.",
            "",
            "With --format=tar-index, OUT.erofs is an index in blocks of 512 bytes whose data is the tar itself, uncompressed: "
                    + "'cat OUT.erofs IN.tar' is an image that mounts. There are no further files then."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina layer convert layer.tar.gz",
            "  zcat layer.tar.gz | lamina layer convert - -o layer.erofs --json"
        })
final class LayerConvertCommand implements Callable<Integer> {
    enum Format {
        PLAIN,
        TAR_INDEX;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(
            index = "0",
            paramLabel = "IN",
            description = "The layer: a tar, as it is or compressed with gzip or zstd, or - for standard input.")
    private String in = "";

    @Option(
            names = "-o",
            paramLabel = "OUT.erofs",
            description = "The blob (default: IN's name with .erofs in place of .tar, .tar.gz, .tgz or .tar.zst).")
    private @Nullable Path out;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "plain",
            description = "plain or tar-index (default ${DEFAULT-VALUE}).")
    private Format format = Format.PLAIN;

    @Option(names = "--digest", description = "Tell the sha256 of the blob too, which costs another pass over it.")
    private boolean digest;

    @Option(
            names = "--no-sync",
            description = "Do not wait until the files are on disk: after a loss of power they may be damaged.")
    private boolean noSync;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        Path target = target();
        Progress progress = new Progress("converting");
        Answer answer;
        try (InputStream stored = new FileInputStream(in.equals("-") ? "/dev/stdin" : in);
                InputStream tar =
                        LayerStream.detected(in, progress.of(stored, in.equals("-") ? 0 : Files.size(Path.of(in))))) {
            answer = format == Format.PLAIN ? plain(tar, target) : index(tar, target);
        } finally {
            progress.done();
        }
        form.print(answer);
        return 0;
    }

    private Answer plain(InputStream tar, Path target) throws IOException {
        try (OutputFile blob = OutputFile.to(target);
                OutputFile leaves = OutputFile.to(target.resolveSibling(target.getFileName() + ".leaves"));
                OutputFile recipe = OutputFile.to(LayerFile.recipe(target))) {
            ConvertedLayer layer = LayerConverter.convert(tar, blob.channel(), leaves.channel(), recipe.channel());
            PartHashes hashes = PartHashes.ofLeaves(VerityGeometry.STANDARD, leaves.channel());
            Answer answer = new Answer()
                    .with("diffID", "diffId", layer.diffId().toString())
                    .with("blob", "blob", target.toString())
                    .with("blocks", "blocks", layer.blocks())
                    .with("block size", "blockSize", layer.blockSizeBytes())
                    .with("inodes", "inodes", layer.inodes())
                    .with("verity root", "verityRoot", hashes.rootHash().hex());
            if (digest) {
                answer.with("blob digest", "blobDigest", blob.digest().toString());
            }
            recipe.publish(!noSync);
            blob.publish(!noSync);
            return answer;
        }
    }

    private Answer index(InputStream tar, Path target) throws IOException {
        try (OutputFile index = OutputFile.to(target)) {
            IndexedLayer layer = LayerConverter.index(tar, index.channel());
            Answer answer = new Answer()
                    .with("diffID", "diffId", layer.diffId().toString())
                    .with("index", "blob", target.toString())
                    .with("blocks", "blocks", layer.indexBlocks())
                    .with("tar blocks", "tarBlocks", layer.tarBlocks())
                    .with("block size", "blockSize", IndexedLayer.BLOCK_SIZE_BYTES)
                    .with("inodes", "inodes", layer.inodes())
                    .with("verity root", "verityRoot", indexRoot(index).hex());
            if (digest) {
                answer.with("blob digest", "blobDigest", index.digest().toString());
            }
            index.publish(!noSync);
            return answer;
        }
    }

    /** Over the index alone, in the geometry that a device of nothing but tar-index layers has. */
    private static Digest indexRoot(OutputFile index) throws IOException {
        VerityGeometry geometry =
                new VerityGeometry(IndexedLayer.BLOCK_SIZE_BYTES, VerityGeometry.STANDARD.hashBlockSizeBytes());
        Extent data = new Extent.FileExtent(0, index.channel().size(), index.building(), 0);
        return DevicePart.hashing("index", data, geometry).hashes().rootHash();
    }

    private Path target() {
        if (out != null) {
            return out;
        }
        if (in.equals("-")) {
            throw new ParameterException(spec.commandLine(), "standard input has no name: say -o OUT.erofs");
        }
        String name = Path.of(in).getFileName().toString();
        for (String ending : new String[] {".tar.gz", ".tar.zst", ".tgz", ".tar"}) {
            if (name.endsWith(ending) && name.length() > ending.length()) {
                return Path.of(in).resolveSibling(name.substring(0, name.length() - ending.length()) + ".erofs");
            }
        }
        return Path.of(in).resolveSibling(name + ".erofs");
    }
}
