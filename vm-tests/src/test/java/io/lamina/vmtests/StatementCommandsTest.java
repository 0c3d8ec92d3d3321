package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.statement.SigningKey;
import io.lamina.linux.testing.Machine;
import io.lamina.vmtests.LaminaCommand.Result;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lamina statement} as release engineers use it, who do not share a machine. */
class StatementCommandsTest {
    private static final LaminaCommand LAMINA =
            new LaminaCommand(Path.of("target/lamina-home").toAbsolutePath());

    @TempDir
    private Path directory;

    @Test
    void aStatementIsMadeSignedByTwoAndVerified() throws Exception {
        Machine.needsProgram("umoci");
        String image = "oci:" + DemoImage.in(LAMINA);
        makeKey("a", SigningKey.generateEd25519());
        makeKey("b", SigningKey.generateEcdsaP256());
        makeKey("c", SigningKey.generateEd25519());

        expect(0, "", "create", image, "--reference", "demo", "--image-version", "4", "-o", at("s"));
        expect(123, "statement-signature", "verify", at("s"), "--trust", at("a.pem"));
        expect(0, "", "sign", at("s"), "--key", at("a"));
        expect(
                123,
                "statement-signature",
                "verify",
                at("s"),
                "--trust",
                at("a.pem,") + at("b.pem"),
                "--threshold",
                "2");
        expect(0, "", "sign", at("s"), "--key", at("b"), "-o", at("both"));
        Result shown = expect(0, "", "show", at("both"));
        assertTrue(shown.stdout().contains("2, not verified"), shown::toString);

        String both = at("a.pem,") + at("b.pem");
        expect(0, "", "verify", at("both"), "--trust", both, "--threshold", "2", "--image", image);
        expect(123, "statement-signature", "verify", at("both"), "--trust", at("c.pem"));
        expect(2, "3 with 2", "verify", at("both"), "--trust", both, "--threshold", "3");

        expect(0, "", "policy", "--trust", both, "--allow-image", "demo", "--minimum-version", "4", "-o", at("p"));
        expect(0, "", "verify", at("both"), "--policy", at("p"));
        expect(0, "", "policy", "--trust", both, "--allow-image", "demo", "--minimum-version", "5", "-o", at("p"));
        expect(123, "image-version", "verify", at("both"), "--policy", at("p"));
        expect(0, "", "policy", "--trust", both, "--allow-image", "other", "-o", at("p"));
        expect(123, "image-policy", "verify", at("both"), "--policy", at("p"));
    }

    /** What an operator gives to Kata's agent and to hcsshim is the statement's, once its signature is believed. */
    @Test
    void policiesOfOtherRuntimesNameTheStatementsRootHash() throws Exception {
        Machine.needsProgram("umoci");
        String image = "oci:" + DemoImage.in(LAMINA);
        makeKey("a", SigningKey.generateEd25519());
        makeKey("c", SigningKey.generateEd25519());
        expect(0, "", "create", image, "--reference", "demo", "-o", at("s"));
        expect(0, "", "sign", at("s"), "--key", at("a"));
        Result root = LAMINA.run("device", "root", image, "--json");
        JsonObject device = JsonParser.parse("root", root.stdout().getBytes(StandardCharsets.UTF_8))
                .object();
        String rootHash = device.required("rootHash").string();

        String[] trusted = {"--statement", at("s"), "--trust", at("a.pem")};
        Result kata = expect(0, "", "policy", "--for", "kata", trusted[0], trusted[1], trusted[2], trusted[3]);
        long hashOffset = device.required("hashStartBlock").integer(1, Integer.MAX_VALUE) * 4096;
        assertTrue(
                kata.stdout().contains("{\"roothash\": \"" + rootHash + "\", \"hashoffset\": \"" + hashOffset + "\"},"),
                kata::toString);
        assertEquals(2, kata.stdout().split("\"roothash\": ", -1).length - 1, "the image above an empty layer");
        Result hcs = expect(0, "", "policy", "--for", "hcsshim", trusted[0], trusted[1], trusted[2], trusted[3]);
        assertTrue(hcs.stdout().contains("            \"" + rootHash + "\"\n        ],"), hcs::toString);
        Result ext4 = expect(
                0,
                "",
                "policy",
                "--for",
                "hcsshim",
                "--layer-root",
                "ab".repeat(32),
                trusted[0],
                trusted[1],
                trusted[2],
                trusted[3]);
        assertTrue(ext4.stdout().contains("ab".repeat(32)) && !ext4.stdout().contains(rootHash), ext4::toString);

        expect(123, "statement-signature", "policy", "--for", "kata", trusted[0], trusted[1], "--trust", at("c.pem"));
        expect(2, "--statement", "policy", "--for", "kata", "--trust", at("a.pem"));
    }

    private void makeKey(String name, SigningKey key) throws Exception {
        key.store(directory.resolve(name));
        Files.write(
                directory.resolve(name + ".pem"), key.publicKey().orElseThrow().pem());
    }

    private static Result expect(int status, String word, String... arguments) throws Exception {
        String[] line = new String[arguments.length + 1];
        line[0] = "statement";
        System.arraycopy(arguments, 0, line, 1, arguments.length);
        Result result = LAMINA.run(line);
        assertEquals(status, result.status(), () -> String.join(" ", line) + ": " + result);
        assertTrue(result.stderr().contains(word), result::toString);
        return result;
    }

    private String at(String name) {
        return directory.resolve(name).toString();
    }
}
