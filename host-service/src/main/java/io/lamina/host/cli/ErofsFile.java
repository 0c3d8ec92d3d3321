package io.lamina.host.cli;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.PathLookup;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import picocli.CommandLine.Parameters;

/** The image that a command looks into. */
final class ErofsFile {
    @Parameters(index = "0", paramLabel = "FILE", description = "An EROFS image.")
    private Path file = Path.of("");

    /** What is done with the image while it is open. */
    @FunctionalInterface
    interface Use {
        int of(ErofsImage image) throws IOException;
    }

    int with(Use use) throws IOException {
        try (FileChannel channel = FileChannel.open(file, READ)) {
            return use.of(ErofsImage.open(file.toString(), channel));
        }
    }

    Path path() {
        return file;
    }

    static Inode find(ErofsImage image, String path, boolean followLast) throws IOException {
        return PathLookup.find(image, Names.bytes(path), path, followLast);
    }

    /** Bytes of a path as a user writes it, and as they are shown to one. */
    static final class Names {
        private Names() {}

        /** A path on the command line: UTF-8, with {@code \xHH} for bytes that are no text. */
        static byte[] bytes(String path) {
            StringBuilder latin = new StringBuilder();
            String raw = new String(path.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
            for (int i = 0; i < raw.length(); i++) {
                char c = raw.charAt(i);
                if (c == '\\' && i + 3 < raw.length() && raw.charAt(i + 1) == 'x') {
                    int value = Character.digit(raw.charAt(i + 2), 16) << 4 | Character.digit(raw.charAt(i + 3), 16);
                    if (value >= 0) {
                        latin.append((char) value);
                        i += 3;
                        continue;
                    }
                }
                latin.append(c);
            }
            return latin.toString().getBytes(StandardCharsets.ISO_8859_1);
        }

        /**
         * A name for a terminal and for JSON, which {@link #bytes} takes back: text as it is, control characters, bytes
         * that are no UTF-8, and backslashes as {@code \xHH}.
         */
        static String shown(byte[] name) {
            StringBuilder text = new StringBuilder();
            int at = 0;
            while (at < name.length) {
                int length = characterBytes(name, at);
                String character = length == 0 ? "" : new String(name, at, length, StandardCharsets.UTF_8);
                if (length == 0
                        || character.equals("\\")
                        || character.codePoints().anyMatch(Names::isDangerous)) {
                    for (int i = at; i < at + Math.max(1, length); i++) {
                        text.append("\\x%02x".formatted(name[i] & 0xFF));
                    }
                } else {
                    text.append(character);
                }
                at += Math.max(1, length);
            }
            return text.toString();
        }

        /** Control and format characters: they move cursors, and turn the direction of text. */
        private static boolean isDangerous(int codePoint) {
            return switch (Character.getType(codePoint)) {
                case Character.CONTROL,
                        Character.FORMAT,
                        Character.LINE_SEPARATOR,
                        Character.PARAGRAPH_SEPARATOR,
                        Character.UNASSIGNED,
                        Character.PRIVATE_USE,
                        Character.SURROGATE -> true;
                default -> false;
            };
        }

        /** Bytes of the UTF-8 character at {@code at}, 0 if none is there. */
        private static int characterBytes(byte[] name, int at) {
            int lead = name[at] & 0xFF;
            int length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
            if (length == 0 || at + length > name.length) {
                return 0;
            }
            String character = new String(name, at, length, StandardCharsets.UTF_8);
            return character.indexOf('\uFFFD') >= 0 && !isReplacement(name, at, length) ? 0 : length;
        }

        private static boolean isReplacement(byte[] name, int at, int length) {
            return length == 3 && name[at] == (byte) 0xEF && name[at + 1] == (byte) 0xBF && name[at + 2] == (byte) 0xBD;
        }
    }
}
