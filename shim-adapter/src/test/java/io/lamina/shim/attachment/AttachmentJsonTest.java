package io.lamina.shim.attachment;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class AttachmentJsonTest {
    @Test
    void aMessageIsReadAsItWasWritten() throws Exception {
        for (boolean scratch : new boolean[] {true, false}) {
            Attachment attachment = Attachments.sample(scratch);
            byte[] text = AttachmentJson.write(attachment);
            assertEquals(attachment, AttachmentJson.read(text));
            assertArrayEquals(text, AttachmentJson.write(AttachmentJson.read(text)));
        }
    }

    /** Each replaces one valid part of the message by another that breaks a rule, which the error names. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"version\":1|\"version\":2|version",
                "\"version\":1|\"version\":1,\"more\":1|unknown member",
                "/run/lamina/image.sock|/run/../image.sock|without . and ..",
                "/run/lamina/image.sock|run/image.sock|absolute",
                "/run/lamina/image.sock|/run/a\\nb|control character",
                "/run/lamina/image.sock|/run/a\\u0000b|control character",
                "/blobs/a|/blobs//a|absolute path",
                "\"id\":\"sandbox-1\"|\"id\":\"../x\"|name of letters",
                "\"dataBlocks\":256|\"dataBlocks\":0|dataBlocks",
                "\"dataBlocks\":256|\"dataBlocks\":257|lies within the data",
                "\"hashStartBlock\":256|\"hashStartBlock\":1099511627776|sizeBytes",
                "\"hashBlockSize\":4096|\"hashBlockSize\":4095|power of two",
                "\"lengthBytes\":524288|\"lengthBytes\":9223372036854775807|lengthBytes",
                "\"startByte\":0|\"startByte\":-1|startByte",
                "\"salt\":\"00|\"salt\":\"01|salt",
                "\"pid\":1234|\"pid\":-1|pid",
                "0f0f0f0f-0f0f|zz|boot",
            })
    void eachRuleIsNamed(String valid, String broken, String named) {
        String text = new String(AttachmentJson.write(Attachments.sample(true)), StandardCharsets.UTF_8);
        assertTrue(text.contains(valid), valid);
        byte[] damaged = text.replace(valid, broken).getBytes(StandardCharsets.UTF_8);
        CorruptImageException refused = assertThrows(CorruptImageException.class, () -> AttachmentJson.read(damaged));
        assertTrue(refused.getMessage().contains(named), refused.getMessage());
    }

    @Test
    void aMegabyteOfPathIsRefusedInShort() {
        CorruptImageException refused =
                assertThrows(CorruptImageException.class, () -> Texts.path("path", "/" + "x".repeat(1 << 20)));
        assertTrue(refused.getMessage().length() < 200, refused.getMessage());
    }
}
