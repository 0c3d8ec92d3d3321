package io.lamina.images.statement;

import io.lamina.images.json.JsonValue;

/** A statement that must not be trusted: which check it failed, what that check asks for and what it found. */
public final class StatementRefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String check;
    private final String expected;
    private final String found;

    /**
     * @param check name of the check, such as {@code statement-signature}; one of a small stable set
     * @param expected what the check asks for
     * @param found what was there instead; may hold text from outside, which is made short and printable here
     */
    public StatementRefusedException(String check, String expected, String found) {
        super(check + ": expected " + expected + ", found " + JsonValue.printable(found));
        this.check = check;
        this.expected = expected;
        this.found = JsonValue.printable(found);
    }

    /** Name of the check that failed. */
    public String check() {
        return check;
    }

    /** What the check asks for. */
    public String expected() {
        return expected;
    }

    /** What was there instead. */
    public String found() {
        return found;
    }
}
