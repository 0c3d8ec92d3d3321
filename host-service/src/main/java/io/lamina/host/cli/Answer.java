package io.lamina.host.cli;

import io.lamina.images.json.JsonWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** What a command found out: lines for a person, or with {@code --json} one object for a machine. */
final class Answer {
    /** The option, as every command has it. */
    static final class Form {
        @Option(names = "--json", description = "Answer with one JSON object.")
        private boolean json;

        boolean json() {
            return json;
        }

        void print(Answer answer) {
            System.out.println(json ? answer.json() : answer.words());
        }
    }

    private final Map<String, Object> members = new LinkedHashMap<>();
    private final StringBuilder words = new StringBuilder();

    /**
     * Adds a value.
     *
     * @param label for a person
     * @param key of the JSON object
     * @param value as {@link JsonWriter} takes it
     */
    Answer with(String label, String key, Object value) {
        members.put(key, value);
        if (!words.isEmpty()) {
            words.append('\n');
        }
        words.append(label).append(" ".repeat(Math.max(1, 14 - label.length()))).append(value);
        return this;
    }

    /** Adds something for machines that a person is told in other words. */
    Answer withHidden(String key, Object value) {
        members.put(key, value);
        return this;
    }

    /** Adds lines for a person that machines are told in other words. */
    Answer withLines(List<String> lines) {
        for (String line : lines) {
            if (!words.isEmpty()) {
                words.append('\n');
            }
            words.append(line);
        }
        return this;
    }

    String json() {
        return new String(JsonWriter.write(members), StandardCharsets.UTF_8);
    }

    String words() {
        return words.toString();
    }
}
