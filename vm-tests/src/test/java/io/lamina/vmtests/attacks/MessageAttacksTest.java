package io.lamina.vmtests.attacks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.guest.AttackedGuest;
import io.lamina.linux.testing.Machine;
import io.lamina.vmtests.LaminaCommand;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The attacks that need no machine: the agent's own session, on this one, against a host that says what it likes. */
class MessageAttacksTest {
    private static MessageAttacks attacks;
    private static DeviceAttacks deviceAttacks;
    private static TarAttacks tarAttacks;
    private static ScratchAttacks scratchAttacks;
    private static byte[] base;

    @TempDir
    static Path directory;

    @BeforeAll
    static void makeImages() throws Exception {
        Machine.needsProgram("tar", "setfattr", "busybox", "mke2fs");
        AttackImages images = new AttackImages(Files.createDirectory(directory.resolve("images")));
        base = images.app.device();
        attacks = new MessageAttacks(images);
        deviceAttacks = new DeviceAttacks(images);
        tarAttacks = new TarAttacks(images);
        scratchAttacks = new ScratchAttacks(images, directory);
    }

    @Test
    void anHonestHostPasses() throws Exception {
        check(attacks.honest(), "");
    }

    @TestFactory
    List<DynamicTest> everyAttackIsRefusedForItsReason() {
        return attacks.all().stream()
                .map(scenario -> DynamicTest.dynamicTest(scenario.name, () -> check(scenario, "")))
                .toList();
    }

    @TestFactory
    List<DynamicTest> withoutItsCheckAnAttackSucceeds() {
        Map<String, Scenario> byName =
                attacks.all().stream().collect(Collectors.toMap(scenario -> scenario.name, Function.identity()));
        return MessageAttacks.mutants().stream()
                .map(mutant -> DynamicTest.dynamicTest(mutant.toString(), () -> {
                    String outcome = outcome(byName.get(mutant.attack()), mutant.mutation());
                    assertTrue(outcome.startsWith(AttackedGuest.PASSED), outcome);
                }))
                .toList();
    }

    /** Nesting has no secret to get at: without its bound the agent breaks, and with it the machine. */
    @Test
    void withoutTheBoundOnDepthTheAgentBreaks() throws Exception {
        Scenario nested = attacks.all().stream()
                .filter(scenario -> scenario.name.equals("deeply-nested-envelope"))
                .findFirst()
                .orElseThrow();
        String outcome = outcome(nested, "images.json.JsonParser#checkDepth");
        assertTrue(outcome.startsWith("failed java.lang.StackOverflowError"), outcome);
    }

    @Test
    void theThreatModelHasEachAttackByItsOneName() throws Exception {
        String document = Files.readString(LaminaCommand.root().resolve("docs/threat-model.md"));
        List<Scenario> all = new ArrayList<>(attacks.all());
        all.addAll(deviceAttacks.all());
        all.addAll(tarAttacks.all());
        all.addAll(scratchAttacks.all());
        List<String> names = all.stream()
                .map(scenario -> scenario.name)
                .filter(name -> !name.startsWith("honest"))
                .toList();
        assertTrue(names.size() >= 45, names::toString);
        assertEquals(names.size(), names.stream().distinct().count());
        assertEquals(
                List.of(),
                names.stream()
                        .filter(name -> !document.contains("`" + name + "`"))
                        .toList());
    }

    private static void check(Scenario scenario, String mutation) throws Exception {
        String outcome = outcome(scenario, mutation);
        assertTrue(
                Pattern.compile(scenario.expected).matcher(outcome).find(),
                () -> scenario.name + ": expected " + scenario.expected + ", was " + outcome);
    }

    private static String outcome(Scenario scenario, String mutation) throws Exception {
        Path written = scenario.write(directory, base);
        return AttackedGuest.run(written, written.resolve("sys"), directory, mutation);
    }
}
