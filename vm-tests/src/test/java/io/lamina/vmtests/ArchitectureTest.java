package io.lamina.vmtests;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which module may know which, and that no two packages know each other in a circle. */
class ArchitectureTest {
    private static final List<String> MODULES =
            List.of("linux", "images", "vhostuser", "shim", "agent", "guest", "host", "junit");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.lamina");

    @Test
    void everyModuleIsLookedAt() {
        for (String module : MODULES) {
            assertTrue(
                    CLASSES.stream().anyMatch(type -> type.getPackageName().startsWith("io.lamina." + module)),
                    "no class of " + module);
        }
    }

    @Test
    void importsRunDownwards() {
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("linux")
                .definedBy("io.lamina.linux..")
                .layer("images")
                .definedBy("io.lamina.images..")
                .layer("vhost-user")
                .definedBy("io.lamina.vhostuser..")
                .layer("shim-adapter")
                .definedBy("io.lamina.shim..")
                .layer("agent-protocol")
                .definedBy("io.lamina.agent..")
                .layer("guest-agent")
                .definedBy("io.lamina.guest..")
                .layer("host-service")
                .definedBy("io.lamina.host..")
                .whereLayer("images")
                .mayOnlyAccessLayers("linux")
                .whereLayer("vhost-user")
                .mayOnlyAccessLayers("linux")
                .whereLayer("shim-adapter")
                .mayOnlyAccessLayers("images")
                .whereLayer("guest-agent")
                .mayOnlyAccessLayers("images", "linux", "agent-protocol")
                .whereLayer("host-service")
                .mayOnlyAccessLayers("linux", "images", "vhost-user", "shim-adapter", "agent-protocol")
                .whereLayer("linux")
                .mayNotAccessAnyLayer()
                .whereLayer("agent-protocol")
                .mayNotAccessAnyLayer()
                .check(CLASSES);
    }

    @Test
    void theHarnessForOthersKnowsNothingButJava() {
        noClasses()
                .that()
                .resideInAPackage("io.lamina.junit..")
                .should()
                .dependOnClassesThat()
                .resideOutsideOfPackages("io.lamina.junit..", "java..", "org.junit..", "org.jspecify..")
                .check(CLASSES);
    }

    @Test
    void packagesHaveNoCircles() {
        slices().matching("io.lamina.(*.*)..").should().beFreeOfCycles().check(CLASSES);
    }

    /** But for one: Vert.x has no other place where a socket that listens already can be given to it. */
    @Test
    void onlyVhostUserKnowsNettyAndJna() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.lamina.vhostuser..")
                .and()
                .haveNameNotMatching("io\\.lamina\\.host\\.api\\.InheritedListener.*")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.netty..", "com.sun.jna..")
                .check(CLASSES);
    }

    @Test
    void imagesKnowNothingOfProcessesOrNetworks() {
        noClasses()
                .that()
                .resideInAPackage("io.lamina.images..")
                .should()
                .dependOnClassesThat()
                .haveNameMatching("java\\.(net\\..*|lang\\.Process.*)")
                .check(CLASSES);
    }
}
