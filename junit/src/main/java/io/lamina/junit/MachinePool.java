package io.lamina.junit;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Machines that were booted in this run of tests and wait for the next one that asks for their like. */
@SuppressWarnings("deprecation") // JUnit 5 before 5.13 closes nothing else
final class MachinePool implements ExtensionContext.Store.CloseableResource, AutoCloseable {
    private static final ExtensionContext.Namespace NAMESPACE = ExtensionContext.Namespace.create(MachinePool.class);

    /** Guarded by this. */
    private final Map<MachineSettings, Deque<VirtualMachine>> idle = new HashMap<>();

    /** The one of the whole run. */
    static MachinePool of(ExtensionContext context) {
        MachinePool pool = context.getRoot()
                .getStore(NAMESPACE)
                .getOrComputeIfAbsent(MachinePool.class, key -> new MachinePool(), MachinePool.class);
        return Objects.requireNonNull(pool);
    }

    /** A machine with a container in which nobody has done anything. */
    VirtualMachine take(MachineSettings settings) {
        for (VirtualMachine machine = next(settings); machine != null; machine = next(settings)) {
            try {
                machine.renew();
                return machine;
            } catch (VirtualMachineException spoiled) {
                // A test may do anything to its machine: another one takes its place.
                machine.close();
            }
        }
        return VirtualMachine.boot(settings);
    }

    private synchronized @Nullable VirtualMachine next(MachineSettings settings) {
        Deque<VirtualMachine> machines = idle.get(settings);
        return machines == null ? null : machines.poll();
    }

    /** Gives a machine back, in whatever state. */
    synchronized void giveBack(VirtualMachine machine) {
        idle.computeIfAbsent(machine.settings(), key -> new ArrayDeque<>()).push(machine);
    }

    @Override
    public synchronized void close() {
        idle.values().forEach(machines -> machines.forEach(VirtualMachine::close));
        idle.clear();
    }
}
