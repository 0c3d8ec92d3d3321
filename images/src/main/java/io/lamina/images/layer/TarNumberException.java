package io.lamina.images.layer;

/** A number in a tar that is none; the reader adds where it stands. */
final class TarNumberException extends Exception {
    private static final long serialVersionUID = 1L;

    TarNumberException(String rule) {
        super(rule);
    }
}
