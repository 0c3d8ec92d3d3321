package io.lamina.host.cli;

import io.lamina.host.run.ImageRun;
import io.lamina.images.CorruptImageException;
import io.lamina.images.statement.StatementRefusedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.ParseResult;

/** The one place that turns what was thrown into words for a person and a status for a script. */
final class Failures {
    private Failures() {}

    static int report(Exception failure, CommandLine command, ParseResult parsed) {
        command.getErr().println("lamina: " + words(failure));
        if (System.getenv("LAMINA_STACK_TRACE") != null) {
            failure.printStackTrace(command.getErr());
        }
        return status(failure);
    }

    static int status(Throwable failure) {
        return failure instanceof CorruptImageException || failure instanceof StatementRefusedException
                ? ImageRun.STATUS_INTEGRITY
                : ImageRun.STATUS_LAMINA;
    }

    private static String words(Throwable failure) {
        return switch (failure) {
            case NoSuchFileException missing -> missing.getFile() + ": no such file or directory";
            case AccessDeniedException denied -> denied.getFile() + ": permission denied";
            case FileAlreadyExistsException there -> there.getFile() + ": already exists";
            case StatementRefusedException refused -> "refused at its check " + refused.getMessage();
            case UncheckedIOException wrapped -> words(Objects.requireNonNull(wrapped.getCause()));
            case IOException told -> Objects.requireNonNullElseGet(told.getMessage(), told::toString);
            // Anything else is a defect of ours: say what a report needs.
            default -> failure + "; this is a defect of Lamina, LAMINA_STACK_TRACE=1 shows where";
        };
    }
}
