package io.lamina.shim.policy;

import io.lamina.images.oci.Digest;
import io.lamina.images.statement.ImageStatement;
import java.util.List;

/**
 * A fragment for the policy of Kata's agent (package {@code agent_policy}): which storages a container of this image may
 * be given. Kata's own generator knows nothing of EROFS and dm-verity, so that without such rules the host chooses the
 * root hash.
 */
public final class KataPolicy {
    private KataPolicy() {}

    /**
     * A partition that must be there.
     *
     * @param rootHash dm-verity's
     * @param hashOffsetBytes where its tree starts
     */
    public record Partition(Digest rootHash, long hashOffsetBytes) {
        /** That of an image's device. */
        public static Partition of(ImageStatement statement) {
            ImageStatement.VerityTable verity = statement.verity();
            return new Partition(
                    verity.rootHash(),
                    verity.hashStartBlock() * verity.geometry().hashBlockSizeBytes());
        }
    }

    /**
     * The fragment. Its rule {@code lamina_storages_ok(storages)} belongs into the conditions of
     * {@code CreateContainerRequest}.
     *
     * @param partitions top first, as route B orders them
     */
    public static String of(List<Partition> partitions) {
        StringBuilder text = new StringBuilder("""
                # Add to the policy of Kata's agent; in CreateContainerRequest, ask for lamina_storages_ok(input.storages).
                # Every lower layer is on dm-verity with a root hash from a signed image statement, in this order, and
                # the host brings no upper layer: one that it filled would hide verified files.
                package agent_policy

                import future.keywords.every
                import future.keywords.if
                import future.keywords.in

                lamina_partitions := [
                """);
        for (Partition partition : partitions) {
            text.append("    {\"roothash\": \"")
                    .append(partition.rootHash.hex())
                    .append("\", \"hashoffset\": \"")
                    .append(partition.hashOffsetBytes)
                    .append("\"},\n");
        }
        return text.append("""
                ]

                lamina_option(storage, name) := value if {
                    prefix := concat("", [name, "="])
                    values := [trim_prefix(option, prefix) | some option in storage.options; startswith(option, prefix)]
                    count(values) == 1
                    value := values[0]
                }

                lamina_is_lower(storage) if {
                    "X-kata.overlay-lower" in storage.options
                }

                lamina_lower_ok(storage) if {
                    storage.driver in {"blk", "scsi"}
                    storage.fstype == "erofs"
                    lamina_option(storage, "X-kata.dmverity-enabled") == "true"
                    number := to_number(lamina_option(storage, "X-kata.partition-number"))
                    expected := lamina_partitions[number - 1]
                    lamina_option(storage, "X-kata.dmverity.roothash") == expected.roothash
                    lamina_option(storage, "X-kata.dmverity.hashoffset") == expected.hashoffset
                }

                lamina_is_upper(storage) if {
                    some option in storage.options
                    startswith(option, "X-kata.overlay-upper")
                }

                default lamina_storages_ok(_) := false

                lamina_storages_ok(storages) if {
                    lowers := [storage | some storage in storages; lamina_is_lower(storage)]
                    count(lowers) == count(lamina_partitions)
                    numbers := {lamina_option(storage, "X-kata.partition-number") | some storage in lowers}
                    count(numbers) == count(lamina_partitions)
                    every storage in lowers {
                        lamina_lower_ok(storage)
                    }
                    every storage in storages {
                        not lamina_is_upper(storage)
                    }
                    multi := [storage | some storage in storages; "X-kata.multi-layer=true" in storage.options]
                    count(multi) == count(lowers)
                }
                """).toString();
    }
}
