package io.lamina.vmtests.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Several ways to do the same work, taken in turns so that whatever else the machine does meets all of them. */
final class Contest {
    private final List<Way> ways = new ArrayList<>();
    private Work before = () -> {};

    /** The work itself. */
    @FunctionalInterface
    interface Work {
        void run() throws Exception;
    }

    /** One way to do the work, and how long it took each time. */
    private record Way(String name, Work before, Work work, List<Double> seconds) {
        private double quantile(double share) {
            double[] sorted =
                    seconds.stream().mapToDouble(Double::doubleValue).sorted().toArray();
            return sorted[(int) Math.round(share * (sorted.length - 1))];
        }

        double median() {
            return quantile(0.5);
        }
    }

    /** What comes, untimed, before each run of each way. */
    Contest before(Work preparation) {
        before = preparation;
        return this;
    }

    Contest with(String name, Work work) {
        return with(name, () -> {}, work);
    }

    /** As {@link #with(String, Work)}, where something is to be done each time that does not count. */
    Contest with(String name, Work before, Work work) {
        ways.add(new Way(name, before, work, new ArrayList<>()));
        return this;
    }

    /** Runs each way once untimed and then {@code rounds} times. */
    Contest run(int rounds) throws Exception {
        for (int round = -1; round < rounds; round++) {
            for (Way way : ways) {
                before.run();
                way.before().run();
                long start = System.nanoTime();
                way.work().run();
                if (round >= 0) {
                    way.seconds().add((System.nanoTime() - start) / 1e9);
                }
            }
        }
        return this;
    }

    /** A line for each way: median, spread, and the ratio to each of {@code bases}. */
    void print(String title, String... bases) {
        StringBuilder head = new StringBuilder("| way | median s | min | max |");
        StringBuilder rule = new StringBuilder("|---|---|---|---|");
        for (String base : bases) {
            head.append(" × ").append(base).append(" |");
            rule.append("---|");
        }
        System.out.printf("%n## %s%n%n%s%n%s%n", title, head, rule);
        for (Way way : ways) {
            StringBuilder line = new StringBuilder(String.format(
                    Locale.ROOT,
                    "| %s | %.3f | %.3f | %.3f |",
                    way.name(),
                    way.median(),
                    way.quantile(0),
                    way.quantile(1)));
            for (String base : bases) {
                Way other = named(base);
                line.append(
                        other == null ? " |" : String.format(Locale.ROOT, " %.2f |", way.median() / other.median()));
            }
            System.out.println(line);
        }
    }

    private @Nullable Way named(String name) {
        return ways.stream().filter(way -> way.name().equals(name)).findFirst().orElse(null);
    }
}
