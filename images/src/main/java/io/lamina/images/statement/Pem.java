package io.lamina.images.statement;

import java.nio.charset.StandardCharsets;
import java.security.spec.InvalidKeySpecException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** Keys as text (RFC 7468). Text outside of the blocks is skipped, as the RFC and openssl have it. */
final class Pem {
    static final String PRIVATE_KEY = "PRIVATE KEY";
    static final String PUBLIC_KEY = "PUBLIC KEY";

    private static final int MAX_BYTES = 64 << 10;
    private static final String BEGIN = "-----BEGIN ";
    private static final String END = "-----END ";
    private static final String DASHES = "-----";

    /** One block: its label and the DER bytes within. */
    @SuppressWarnings("ArrayRecordComponent") // a carrier that lives within one call and is never compared
    record Block(String label, byte[] der) {}

    private Pem() {}

    /** All blocks of {@code text}. */
    static List<Block> parse(byte[] text) throws InvalidKeySpecException {
        if (text.length > MAX_BYTES) {
            throw new InvalidKeySpecException("a key file of " + text.length + " bytes, at most " + MAX_BYTES);
        }
        String characters = new String(text, StandardCharsets.ISO_8859_1);
        List<Block> blocks = new ArrayList<>();
        int at = characters.indexOf(BEGIN);
        while (at >= 0) {
            int labelEnd = characters.indexOf(DASHES, at + BEGIN.length());
            if (labelEnd < 0) {
                throw new InvalidKeySpecException("a PEM line that begins with \"" + BEGIN + "\" and does not end");
            }
            String label = characters.substring(at + BEGIN.length(), labelEnd);
            int end = characters.indexOf(END + label + DASHES, labelEnd + DASHES.length());
            if (end < 0) {
                throw new InvalidKeySpecException("a PEM block that begins at byte " + at + " and does not end");
            }
            blocks.add(new Block(label, decode(characters.substring(labelEnd + DASHES.length(), end), at)));
            at = characters.indexOf(BEGIN, end);
        }
        return blocks;
    }

    /** A block of {@code der}, in lines of 64 characters. */
    static byte[] write(String label, byte[] der) {
        String body = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der);
        return (BEGIN + label + DASHES + "\n" + body + "\n" + END + label + DASHES + "\n")
                .getBytes(StandardCharsets.ISO_8859_1);
    }

    private static byte[] decode(String body, int at) throws InvalidKeySpecException {
        StringBuilder base64 = new StringBuilder(body.length());
        for (int i = 0; i < body.length(); i++) {
            if (!Character.isWhitespace(body.charAt(i))) {
                base64.append(body.charAt(i));
            }
        }
        try {
            return Base64.getDecoder().decode(base64.toString());
        } catch (IllegalArgumentException notBase64) {
            throw new InvalidKeySpecException(
                    "a PEM block that begins at byte " + at + " and is not base64", notBase64);
        }
    }
}
