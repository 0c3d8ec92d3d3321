package io.lamina.host.registry;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a {@code WWW-Authenticate} header asks for (RFC 9110, section 11.6.1).
 *
 * @param scheme in lower case
 * @param parameters by their names in lower case
 */
record Challenge(String scheme, Map<String, String> parameters) {
    private static final int MAX_CHARACTERS = 8192;

    /** Reads a header; what is none of its form is left out. */
    static List<Challenge> parse(String header) {
        List<Challenge> challenges = new ArrayList<>();
        if (header.length() > MAX_CHARACTERS) {
            return challenges;
        }
        Scanner scanner = new Scanner(header);
        String scheme = scanner.token();
        while (!scheme.isEmpty()) {
            Map<String, String> parameters = new TreeMap<>();
            String next = "";
            while (true) {
                scanner.skip(' ', ',', '\t');
                String name = scanner.token();
                if (name.isEmpty()) {
                    break;
                }
                if (!scanner.takes('=')) {
                    next = name; // another scheme
                    break;
                }
                parameters.put(name.toLowerCase(Locale.ROOT), scanner.value());
            }
            challenges.add(new Challenge(scheme.toLowerCase(Locale.ROOT), parameters));
            scheme = next;
        }
        return challenges;
    }

    private static final class Scanner {
        private final String text;
        private int at;

        Scanner(String text) {
            this.text = text;
        }

        void skip(char... characters) {
            while (at < text.length() && new String(characters).indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }

        String token() {
            int start = at;
            while (at < text.length() && isToken(text.charAt(at))) {
                at++;
            }
            return text.substring(start, at);
        }

        boolean takes(char wanted) {
            skip(' ', '\t');
            if (at < text.length() && text.charAt(at) == wanted) {
                at++;
                skip(' ', '\t');
                return true;
            }
            return false;
        }

        String value() {
            if (at >= text.length() || text.charAt(at) != '"') {
                return token();
            }
            StringBuilder value = new StringBuilder();
            for (at++; at < text.length() && text.charAt(at) != '"'; at++) {
                if (text.charAt(at) == '\\' && at + 1 < text.length()) {
                    at++;
                }
                value.append(text.charAt(at));
            }
            at = Math.min(at + 1, text.length()); // behind the quote, if there is one
            return value.toString();
        }

        private static boolean isToken(char c) {
            return (c >= '0' && c <= '9')
                    || (c >= 'a' && c <= 'z')
                    || (c >= 'A' && c <= 'Z')
                    || "!#$%&'*+-.^_`|~/:".indexOf(c) >= 0;
        }
    }
}
