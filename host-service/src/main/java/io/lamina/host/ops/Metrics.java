package io.lamina.host.ops;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** What the daemon counts, by the names that Prometheus scrapes. Any thread may call. */
public final class Metrics {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Counter conversions = counter("lamina.conversions", "Layers converted to blobs");
    private final Counter conversionHits = counter("lamina.conversion.hits", "Layers found converted");
    private final Counter tarBytes = counter("lamina.converted.bytes", "Bytes of tar converted");
    private final Counter ahead = counter("lamina.conversions.ahead", "Layers converted before they were asked for");
    private final Counter verifyFailures =
            counter("lamina.verify.failures", "Calls that met bytes other than their hashes say");
    private final Counter unpacksLeft = counter("lamina.unpacks.left", "Layers left to another differ");

    /** The registry itself refers to them weakly. */
    private final List<Supplier<Number>> counted = new CopyOnWriteArrayList<>();

    private Counter counter(String name, String help) {
        return Counter.builder(name).description(help).register(registry);
    }

    /** A number that is looked up when it is asked for. */
    public void gauge(String name, String help, Supplier<Number> value) {
        Gauge.builder(name, value).description(help).register(registry);
    }

    /** A number that only grows, looked up when it is asked for. */
    public void count(String name, String help, Supplier<Number> value) {
        counted.add(value);
        FunctionCounter.builder(name, value, looked -> looked.get().doubleValue())
                .description(help)
                .register(registry);
    }

    /** A call has ended. */
    public void call(String name, boolean succeeded, long tookNanos) {
        Timer.builder("lamina.call")
                .description("Calls of clients")
                .tag("call", name)
                .tag("outcome", succeeded ? "ok" : "failed")
                .register(registry)
                .record(tookNanos, TimeUnit.NANOSECONDS);
    }

    /** A layer was converted. */
    public void converted(long bytes) {
        conversions.increment();
        tarBytes.increment((double) bytes);
    }

    /** A layer was converted before anybody has asked for it. */
    public void convertedAhead() {
        ahead.increment();
    }

    /** A layer was there already. */
    public void conversionHit() {
        conversionHits.increment();
    }

    /** Something stored or received was not what its hash says. */
    public void verifyFailed() {
        verifyFailures.increment();
    }

    /** A layer was left to another differ. */
    public void unpackLeft() {
        unpacksLeft.increment();
    }

    /** Everything, as Prometheus reads it. */
    public String scrape() {
        return registry.scrape();
    }

    /** The plain counters and gauges, by name. */
    public Map<String, Double> values() {
        Map<String, Double> values = new TreeMap<>();
        registry.forEachMeter(meter -> {
            if (meter instanceof Counter counter) {
                values.put(meter.getId().getName(), counter.count());
            } else if (meter instanceof Gauge gauge) {
                values.put(meter.getId().getName(), gauge.value());
            }
        });
        return values;
    }
}
