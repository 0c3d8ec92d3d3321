package io.lamina.host.cli;

import io.lamina.host.flatten.Steps;
import io.lamina.host.run.ImageRun;
import io.lamina.host.run.Installation;
import io.lamina.host.run.RunOptions;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** What is said of a run, as every command that starts a machine says it. */
final class RunForm {
    @Option(
            names = "--json",
            description = {
                "Answer with one JSON object when all is over: the exit status, and each step with its time. The command's "
                        + "output then goes to the standard error."
            })
    private boolean json;

    /** Runs an image and says what came of it; the exit status. */
    int run(Installation installation, Steps steps, RunOptions options, boolean table)
            throws IOException, InterruptedException {
        if (!json) {
            int status = new ImageRun(installation, steps).run(options);
            if (table) {
                steps.printTable();
            }
            return status;
        }
        PrintStream answers = System.out;
        System.setOut(System.err);
        int status;
        try {
            status = new ImageRun(installation, steps).run(options);
        } finally {
            System.setOut(answers);
        }
        List<Object> done = new ArrayList<>();
        for (Steps.Step step : steps.all()) {
            done.add(Map.of("name", step.name(), "outcome", step.outcome(), "micros", step.tookNanos() / 1000));
        }
        System.out.println(new Answer()
                .withHidden("image", options.image())
                .withHidden("status", status)
                .withHidden("steps", done)
                .json());
        return status;
    }
}
