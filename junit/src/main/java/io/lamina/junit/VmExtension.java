package io.lamina.junit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Gives tests their machines; use it by {@link VmImage}. When a test fails, what its container has written and the end of
 * the console are left in {@code target/lamina-vm/CLASS.METHOD} (system property {@code lamina.vm.failures}), and the
 * failure says so.
 */
public final class VmExtension implements ParameterResolver, AfterEachCallback, AfterAllCallback {
    private static final ExtensionContext.Namespace NAMESPACE = ExtensionContext.Namespace.create(VmExtension.class);
    private static final int SHOWN_LINES = 15;

    /** A machine in the use of a test or class. */
    private record Use(VirtualMachine machine, boolean fresh) {}

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == VirtualMachine.class;
    }

    @Override
    @SuppressWarnings("deprecation") // its successor is not in JUnit 5
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        VmImage asked = asked(context);
        ExtensionContext owner = owner(asked, context);
        Use use = store(owner)
                .getOrComputeIfAbsent(
                        Use.class,
                        key -> {
                            MachineSettings settings = MachineSettings.of(asked);
                            return asked.fresh()
                                    ? new Use(VirtualMachine.boot(settings), true)
                                    : new Use(MachinePool.of(context).take(settings), false);
                        },
                        Use.class);
        return Objects.requireNonNull(use).machine;
    }

    @Override
    public void afterEach(ExtensionContext context) {
        Use use = store(owner(asked(context), context)).get(Use.class, Use.class);
        if (use != null) {
            context.getExecutionException().ifPresent(failure -> keepState(use.machine, context, failure));
        }
        giveBack(context);
    }

    @Override
    public void afterAll(ExtensionContext context) {
        giveBack(context);
    }

    /** Ends the use of what belongs to exactly this context. */
    private static void giveBack(ExtensionContext context) {
        Use use = store(context).remove(Use.class, Use.class);
        if (use == null) {
            return;
        }
        if (use.fresh) {
            use.machine.close();
        } else {
            MachinePool.of(context).giveBack(use.machine);
        }
    }

    private static VmImage asked(ExtensionContext context) {
        return AnnotationSupport.findAnnotation(context.getRequiredTestClass(), VmImage.class)
                .orElseThrow(() ->
                        new IllegalStateException(context.getRequiredTestClass().getName() + " has no @VmImage"));
    }

    /** The test or the class, whose the machine is. */
    private static ExtensionContext owner(VmImage asked, ExtensionContext context) {
        boolean ofClass =
                asked.scope() == VmImage.Scope.CLASS && context.getTestMethod().isPresent();
        return ofClass ? context.getParent().orElse(context) : context;
    }

    /** A store in which nothing of the parents' is seen. */
    private static ExtensionContext.Store store(ExtensionContext context) {
        return context.getStore(NAMESPACE.append(context.getUniqueId()));
    }

    private static void keepState(VirtualMachine machine, ExtensionContext context, Throwable failure) {
        Path directory = Path.of(System.getProperty("lamina.vm.failures", "target/lamina-vm"))
                .resolve(context.getRequiredTestClass().getSimpleName() + "."
                        + context.getRequiredTestMethod().getName());
        try {
            Files.createDirectories(directory);
            String console = machine.console();
            Files.writeString(directory.resolve("console.txt"), console + "\n");
            machine.commit(directory.resolve("written.tar"));
            failure.addSuppressed(new MachineState("what the container had written, and the console, are in "
                    + directory.toAbsolutePath() + "; the console ended with:\n" + tail(console)));
        } catch (IOException | VirtualMachineException lost) {
            failure.addSuppressed(
                    new MachineState("the machine could not be asked for its state: " + lost.getMessage()));
        }
    }

    private static String tail(String console) {
        String[] lines = console.split("\n", -1);
        int from = Math.max(0, lines.length - SHOWN_LINES);
        return String.join("\n", Arrays.copyOfRange(lines, from, lines.length));
    }

    /** How a machine was when its test failed; for the report of that failure. */
    private static final class MachineState extends Exception {
        private static final long serialVersionUID = 1L;

        MachineState(String message) {
            super(message, null, false, false);
        }
    }
}
