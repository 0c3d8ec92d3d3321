package io.lamina.host.cli;

import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lamina map}. */
@Command(
        name = "map",
        description = {
            "Shows which layer owns which part of an image's device, and where the same blocks lie twice.",
            "",
            "Blocks have 4096 bytes; two are the same where their hashes are. A block of zeroes is no duplicate."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina map debian:12", "  lamina map oci:build/layout:latest --json"})
final class MapCommand implements Callable<Integer> {
    private static final long UNIT_BLOCKS =
            FlattenedDevice.PART_ALIGNMENT_BYTES / VerityGeometry.STANDARD.dataBlockSizeBytes();

    @Mixin
    private ImageArgument image = new ImageArgument();

    @Mixin
    private Answer.Form form = new Answer.Form();

    private final List<Object> parts = new ArrayList<>();
    private final List<String> lines = new ArrayList<>();

    /** Which layer had a block first, by the first half of its hash: enough to tell blocks of one image apart. */
    private final Map<HalfHash, Integer> owners = new HashMap<>();

    private record HalfHash(long first, long second) {}

    @Override
    public Integer call() throws IOException, InterruptedException {
        try (FlattenedImage flattened = image.flatten()) {
            long blocks = flattened.fsmeta().merged().blocks();
            part("fsmeta", 0, blocks, Map.of());
            long at = Math.ceilDiv(blocks, UNIT_BLOCKS) * UNIT_BLOCKS;
            HalfHash zeroes = half(ByteBuffer.wrap(PartHashes.zeroLeaves(VerityGeometry.STANDARD, 1)));
            for (int i = 0; i < flattened.layers().size(); i++) {
                StoredBlob blob = flattened.layers().get(i);
                part(
                        "layer " + (i + 1) + "  " + blob.diffId().toString().substring(0, 19),
                        at,
                        blob.blocks(),
                        duplicates(i, blob, zeroes));
                at += Math.ceilDiv(blob.blocks(), UNIT_BLOCKS) * UNIT_BLOCKS;
            }
            FlattenedDevice device = flattened.device();
            long start = device.hashStartBlock();
            part(
                    "hash tree",
                    start,
                    device.sizeBytes() / VerityGeometry.STANDARD.dataBlockSizeBytes() - start,
                    Map.of());
            form.print(new Answer()
                    .withHidden("rootHash", device.rootHash().hex())
                    .withHidden("blocks", device.sizeBytes() / VerityGeometry.STANDARD.dataBlockSizeBytes())
                    .withHidden("parts", parts)
                    .withLines(lines));
            return 0;
        }
    }

    /** How many of a layer's blocks each layer had before, this one included; zeroes under -1. */
    private Map<Integer, Long> duplicates(int layer, StoredBlob blob, HalfHash zeroes) throws IOException {
        Map<Integer, Long> found = new TreeMap<>();
        ByteBuffer leaves = ByteBuffer.wrap(Files.readAllBytes(blob.leaves()));
        while (leaves.remaining() >= VerityGeometry.HASH_BYTES) {
            HalfHash hash = half(leaves);
            if (hash.equals(zeroes)) {
                found.merge(-1, 1L, Long::sum);
                continue;
            }
            Integer owner = owners.putIfAbsent(hash, layer);
            if (owner != null) {
                found.merge(owner, 1L, Long::sum);
            }
        }
        return found;
    }

    private static HalfHash half(ByteBuffer leaves) {
        HalfHash hash = new HalfHash(leaves.getLong(), leaves.getLong());
        leaves.position(leaves.position() + VerityGeometry.HASH_BYTES - 2 * Long.BYTES);
        return hash;
    }

    private void part(String name, long startBlock, long blocks, Map<Integer, Long> duplicates) {
        Map<String, Object> members = new TreeMap<>();
        members.put("name", name);
        members.put("startBlock", startBlock);
        members.put("blocks", blocks);
        StringBuilder words = new StringBuilder();
        List<Object> shared = new ArrayList<>();
        duplicates.forEach((owner, count) -> {
            if (owner < 0) {
                members.put("zeroBlocks", count);
                words.append(", ").append(count).append(" of zeroes");
            } else {
                shared.add(Map.of("layer", owner + 1, "blocks", count));
                words.append(", ").append(count).append(" as in layer ").append(owner + 1);
            }
        });
        members.put("duplicates", shared);
        parts.add(members);
        lines.add(
                String.format(java.util.Locale.ROOT, "%-32s block %9d  %9d blocks%s", name, startBlock, blocks, words));
    }
}
