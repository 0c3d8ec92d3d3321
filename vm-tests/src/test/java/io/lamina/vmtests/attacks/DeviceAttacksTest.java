package io.lamina.vmtests.attacks;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.guest.AttackedGuest;
import io.lamina.linux.testing.Machine;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The attacks that need a kernel: all of them in one machine, which is booted once. */
class DeviceAttacksTest {
    private static final List<Scenario> ALL = new ArrayList<>();
    private static final List<Mutant> MUTANTS = new ArrayList<>();
    private static Map<String, String> outcomes = Map.of();

    @TempDir
    static Path directory;

    @BeforeAll
    static void bootOnce() throws Exception {
        Machine.needsProgram("qemu-system-x86_64", "tar", "setfattr", "busybox", "xz", "mke2fs");
        AttackImages images = new AttackImages(Files.createDirectory(directory.resolve("images")));
        ALL.addAll(new DeviceAttacks(images).all());
        ALL.addAll(new TarAttacks(images).all());
        ALL.addAll(new ScratchAttacks(images, directory).all());
        MUTANTS.addAll(DeviceAttacks.mutants());
        MUTANTS.addAll(ScratchAttacks.mutants());
        MUTANTS.addAll(TarAttacks.mutants());
        Path scenarios = Files.createDirectory(directory.resolve("scenarios"));
        for (Scenario scenario : ALL) {
            scenario.write(scenarios, images.app.device());
        }
        outcomes = AttackedMachine.run(directory, images.app.device(), scenarios, MUTANTS);
    }

    @TestFactory
    List<DynamicTest> everyAttackIsContainedForItsReason() {
        return ALL.stream()
                .map(scenario -> DynamicTest.dynamicTest(scenario.name, () -> {
                    String outcome = String.valueOf(outcomes.get(scenario.name));
                    assertTrue(
                            Pattern.compile(scenario.expected).matcher(outcome).find(),
                            "expected " + scenario.expected + ", was " + outcome);
                }))
                .toList();
    }

    @TestFactory
    List<DynamicTest> withoutItsCheckAnAttackSucceeds() {
        return MUTANTS.stream()
                .map(mutant -> DynamicTest.dynamicTest(mutant.toString(), () -> {
                    String outcome = String.valueOf(outcomes.get(AttackedMachine.key(mutant)));
                    assertTrue(outcome.startsWith(AttackedGuest.RAN), outcome);
                }))
                .toList();
    }

    /** All the above was refused by a guest whose kernel was told to let everything through. */
    @Test
    void theKernelsCommandLineSaysNothingToTheAgent() {
        String line = String.valueOf(outcomes.get("command-line"));
        assertTrue(line.contains(AttackedMachine.HOSTILE_ARGUMENTS), line);
    }
}
