package io.lamina.guest;

import io.lamina.images.statement.StatementRefusedException;

/** An image that this guest does not run: which check failed, what it asks for, what was found instead. */
final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String check;
    private final String expected;
    private final String found;

    RefusedException(String check, String expected, String found) {
        super(check + ": expected " + expected + ", found " + found);
        this.check = check;
        this.expected = expected;
        this.found = found;
    }

    RefusedException(StatementRefusedException refused) {
        this(refused.check(), refused.expected(), refused.found());
        initCause(refused);
    }

    String check() {
        return check;
    }

    String expected() {
        return expected;
    }

    String found() {
        return found;
    }
}
