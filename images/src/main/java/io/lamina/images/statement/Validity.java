package io.lamina.images.statement;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/**
 * When a statement is meant to be used. Advisory: a guest's clock is its host's.
 *
 * @param notBefore first instant, in whole seconds
 * @param notAfter last instant, in whole seconds; not before {@code notBefore}
 */
public record Validity(Optional<Instant> notBefore, Optional<Instant> notAfter) {
    /** Always. */
    public static final Validity ALWAYS = new Validity(Optional.empty(), Optional.empty());

    /** Checks the order and that no part of a second would be lost in writing. */
    public Validity {
        if (notBefore.isPresent() && notAfter.isPresent() && notAfter.get().isBefore(notBefore.get())) {
            throw new IllegalArgumentException("notAfter " + notAfter.get() + " is before " + notBefore.get());
        }
        checkWholeSecond(notBefore);
        checkWholeSecond(notAfter);
    }

    /** Whether {@code instant} lies within. */
    public boolean covers(Instant instant) {
        return !(notBefore.isPresent() && instant.isBefore(notBefore.get()))
                && !(notAfter.isPresent() && instant.isAfter(notAfter.get()));
    }

    /** Both ends, in words. */
    @Override
    public String toString() {
        return notBefore.map(Instant::toString).orElse("any time") + " to "
                + notAfter.map(Instant::toString).orElse("any time");
    }

    private static void checkWholeSecond(Optional<Instant> instant) {
        if (instant.isPresent() && !instant.get().equals(instant.get().truncatedTo(ChronoUnit.SECONDS))) {
            throw new IllegalArgumentException(instant.get() + " is not a whole second");
        }
    }
}
