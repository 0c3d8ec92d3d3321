package io.lamina.host.flatten;

import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Tells a person what is being done: a line per step as it ends, and a table of all times at the end. Lines go to the
 * standard error stream, so that the standard output is the command's alone. One thread tells.
 */
public final class Steps {
    /**
     * What was done.
     *
     * @param name the same in every run
     * @param outcome words for a person
     * @param tookNanos how long it took
     */
    public record Step(String name, String outcome, long tookNanos) {}

    private final PrintStream out;
    private final boolean verbose;
    private final List<Step> steps = new ArrayList<>();

    /**
     * @param out where the lines go
     * @param verbose false: nothing is printed as steps end; the table can still be asked for
     */
    public Steps(PrintStream out, boolean verbose) {
        this.out = out;
        this.verbose = verbose;
    }

    /** Work that makes a value. */
    @FunctionalInterface
    public interface Work<T> {
        T run() throws IOException, InterruptedException;
    }

    /** What is told of a value once it is made. */
    @FunctionalInterface
    public interface Outcome<T> {
        String of(T value);
    }

    /** Does {@code work} as one step and tells its outcome. */
    public <T> T step(String name, Work<T> work, Outcome<T> outcome) throws IOException, InterruptedException {
        long start = System.nanoTime();
        T value = work.run();
        done(name, outcome.of(value), System.nanoTime() - start);
        return value;
    }

    /** Tells a step that was measured elsewhere, such as inside the guest. */
    public void done(String name, String outcome, long tookNanos) {
        steps.add(new Step(name, outcome, tookNanos));
        if (verbose) {
            out.printf(Locale.ROOT, "  %-16s %s%n", name, outcome);
            out.flush();
        }
    }

    /** The steps until now, in the order of their ends. */
    public List<Step> all() {
        return List.copyOf(steps);
    }

    /** Tells something that is no step; told even where steps are not. */
    public void say(String sentence) {
        out.println("lamina: " + sentence);
        out.flush();
    }

    /** Prints each step's time and their sum. */
    public void printTable() {
        out.println();
        out.printf(Locale.ROOT, "  %-16s %9s%n", "step", "time");
        long sumNanos = 0;
        for (Step step : steps) {
            sumNanos += step.tookNanos;
            out.printf(Locale.ROOT, "  %-16s %9s%n", step.name, seconds(step.tookNanos));
        }
        out.printf(Locale.ROOT, "  %-16s %9s%n", "total", seconds(sumNanos));
        out.flush();
    }

    private static String seconds(long nanos) {
        return String.format(Locale.ROOT, "%.3f s", nanos / 1e9);
    }
}
