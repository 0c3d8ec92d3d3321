package io.lamina.shim.doctor;

/** What is to be expected of a route. */
public enum Verdict {
    WORKS("works"),
    WITHOUT_INTEGRITY("works without integrity"),
    NEEDS_PATCH("needs a patch"),
    CANNOT("cannot");

    private final String words;

    Verdict(String words) {
        this.words = words;
    }

    /** The words for people. */
    public String words() {
        return words;
    }
}
