package io.lamina.host.containerd;

import io.lamina.host.store.RefusedException;
import io.lamina.host.store.Snapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * containerd's filter language (containerd v2.1, pkg/filters/filter.go, its package comment): {@code name==x},
 * {@code labels."a.b"!=y}, {@code kind~=regex}, a field alone for "is there"; a comma means "and".
 */
final class Filter {
    private final String text;
    private int at;

    private Filter(String text) {
        this.text = text;
    }

    /** What a list of filters lets through: all if it is empty, else what any of them does. */
    static Predicate<Snapshot> any(List<String> filters) throws RefusedException {
        Predicate<Snapshot> any = filters.isEmpty() ? _ -> true : _ -> false;
        for (String filter : filters) {
            any = any.or(new Filter(filter).all());
        }
        return any;
    }

    private Predicate<Snapshot> all() throws RefusedException {
        Predicate<Snapshot> all = _ -> true;
        if (text.isEmpty()) {
            return all;
        }
        all = all.and(selector());
        while (at < text.length()) {
            expect(',');
            all = all.and(selector());
        }
        return all;
    }

    private Predicate<Snapshot> selector() throws RefusedException {
        List<String> path = new ArrayList<>();
        path.add(field());
        while (at < text.length() && text.charAt(at) == '.') {
            at++;
            path.add(field());
        }
        if (at == text.length() || text.charAt(at) == ',') {
            return snapshot -> value(snapshot, path).isPresent();
        }
        String operator = text.substring(at, Math.min(at + 2, text.length()));
        at += 2;
        return switch (operator) {
            case "==" -> {
                String wanted = value();
                yield snapshot -> value(snapshot, path).filter(wanted::equals).isPresent();
            }
            case "!=" -> {
                String unwanted = value();
                yield snapshot -> !value(snapshot, path).orElse("").equals(unwanted);
            }
            case "~=" -> {
                Pattern pattern = pattern(value());
                yield snapshot ->
                        pattern.matcher(value(snapshot, path).orElse("")).find();
            }
            default -> throw wrong("an operator ==, != or ~= is missing");
        };
    }

    private static Optional<String> value(Snapshot snapshot, List<String> path) {
        return switch (path.getFirst()) {
            case "name" -> Optional.of(snapshot.key());
            case "parent" ->
                Optional.of(snapshot.parent().map(Snapshot.Parent::key).orElse(""));
            case "kind" -> Optional.of(snapshot.kind().name().toLowerCase(Locale.ROOT));
            case "labels" -> Optional.ofNullable(snapshot.labels().get(String.join(".", path.subList(1, path.size()))));
            default -> Optional.empty();
        };
    }

    private String field() throws RefusedException {
        if (at < text.length() && text.charAt(at) == '"') {
            return quoted('"');
        }
        int start = at;
        while (at < text.length() && (Character.isLetterOrDigit(text.charAt(at)) || text.charAt(at) == '_')) {
            at++;
        }
        if (start == at) {
            throw wrong("a field is missing");
        }
        return text.substring(start, at);
    }

    private String value() throws RefusedException {
        char first = at < text.length() ? text.charAt(at) : ',';
        if (first == '"' || first == '|' || first == '/') {
            return quoted(first);
        }
        int start = at;
        while (at < text.length() && text.charAt(at) != ',' && !Character.isWhitespace(text.charAt(at))) {
            at++;
        }
        return text.substring(start, at);
    }

    private String quoted(char quote) throws RefusedException {
        StringBuilder value = new StringBuilder();
        at++;
        while (at < text.length() && text.charAt(at) != quote) {
            if (text.charAt(at) == '\\' && at + 1 < text.length()) {
                at++;
                // Go's escapes that strings of containerd have; within a regular expression the backslash stays.
                if (quote != '"' && text.charAt(at) != quote) {
                    value.append('\\');
                }
            }
            value.append(text.charAt(at));
            at++;
        }
        expect(quote);
        return value.toString();
    }

    private Pattern pattern(String regex) throws RefusedException {
        try {
            return Pattern.compile(regex);
        } catch (PatternSyntaxException broken) {
            throw wrong(broken.getDescription());
        }
    }

    private void expect(char wanted) throws RefusedException {
        if (at >= text.length() || text.charAt(at) != wanted) {
            throw wrong("'" + wanted + "' is missing");
        }
        at++;
    }

    private RefusedException wrong(String rule) {
        return new RefusedException(
                RefusedException.Reason.INVALID_ARGUMENT, "filter " + text + ", character " + at + ": " + rule);
    }
}
