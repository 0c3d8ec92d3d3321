package io.lamina.host.cli;

import io.lamina.images.oci.Digest;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.SigstoreBundle;
import io.lamina.images.statement.StatementPayload;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.StatementSigner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lamina statement show}. */
@Command(
        name = "show",
        description = "Shows what a statement says. Nothing is verified here.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina statement show statement.json"})
final class StatementShowCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "STATEMENT", description = "The envelope.")
    private Path file = Path.of("");

    @Option(
            names = "--bundle",
            paramLabel = "FILE",
            description = {
                "Write it to FILE as a Sigstore bundle too, for 'cosign verify-blob-attestation --bundle FILE --key PUBLIC.pem "
                        + "--insecure-ignore-tlog --type " + StatementPayload.PREDICATE_TYPE + " MANIFEST'."
            })
    private @Nullable Path bundle;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, StatementRefusedException {
        byte[] envelope = StatementFile.read(file);
        Answer answer = describe(StatementSigner.readUnverified(envelope), StatementSigner.payloadDigest(envelope));
        List<String> keyIds = StatementSigner.keyIds(envelope);
        answer.with("signatures", "signatures", keyIds.size() + ", not verified");
        answer.withLines(keyIds.stream()
                .map(keyId -> "  key         " + (keyId.isEmpty() ? "not named" : keyId))
                .toList());
        answer.withHidden("keyIds", keyIds);
        if (bundle != null) {
            try {
                StatementFile.write(bundle, SigstoreBundle.of(envelope));
            } catch (IllegalArgumentException notOne) {
                throw new IOException(file + ": " + notOne.getMessage(), notOne);
            }
        }
        form.print(answer);
        return 0;
    }

    /** What a statement says, and the digest that a guest measures. */
    static Answer describe(ImageStatement statement, Digest payloadDigest) {
        ImageStatement.VerityTable verity = statement.verity();
        return new Answer()
                .with("image", "reference", statement.image().reference())
                .with("version", "imageVersion", statement.image().version())
                .with(
                        "manifest",
                        "manifestDigest",
                        statement.image().manifestDigest().toString())
                .with("config", "configDigest", statement.image().configDigest().toString())
                .with("layers", "layers", statement.contents().layers().size())
                .withLines(statement.contents().layers().stream()
                        .map(layer -> "  diffID      " + layer.diffId() + ", " + layer.blocks() + " blocks")
                        .toList())
                .with(
                        "fsmeta",
                        "fsmetaDigest",
                        statement.contents().fsmeta().digest().toString())
                .with("format", "formatVersion", statement.contents().formatVersion())
                .with("root hash", "rootHash", verity.rootHash().hex())
                .with("data blocks", "dataBlocks", verity.dataBlocks())
                .with("block size", "dataBlockSize", verity.geometry().dataBlockSizeBytes())
                .with("hash block", "hashBlockSize", verity.geometry().hashBlockSizeBytes())
                .with("hash start", "hashStartBlock", verity.hashStartBlock())
                .with("upper layer", "upperLayer", statement.upperLayer().text())
                .with("valid", "validity", statement.validity().toString())
                .with("digest", "payloadDigest", payloadDigest.toString());
    }
}
