package io.lamina.host.guestimage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The Java runtime of the guest: the modules that the agent uses, linked from the JDK of the build machine. */
final class JavaRuntime {
    /** What {@code jdeps} finds in the agent and its libraries: logging and Unsafe are protobuf's. */
    private static final List<String> MODULES = List.of("java.base", "java.logging", "jdk.unsupported");

    /** Files of these modules that nothing in the guest opens. */
    private static final Set<String> UNUSED = Set.of(
            "bin/jrunscript",
            "bin/keytool",
            "bin/rmiregistry",
            "lib/jexec",
            "lib/jspawnhelper",
            "lib/libjsig.so",
            "lib/psfont.properties.ja",
            "lib/psfontj2d.properties",
            "lib/security/cacerts",
            "lib/server/libjsig.so",
            "release");

    private JavaRuntime() {}

    /** Links the runtime into the new directory {@code target}. */
    static void link(Path jdkHome, Path target, Path scratch) throws IOException, InterruptedException {
        String _ = Tool.run(
                scratch,
                List.of(
                        jdkHome.resolve("bin/jlink").toString(),
                        "--add-modules=" + String.join(",", MODULES),
                        "--strip-java-debug-attributes",
                        "--no-header-files",
                        "--no-man-pages",
                        "--vm=server",
                        // The whole initramfs is compressed; inside it, the VM reads classes fastest as they are.
                        "--compress=zip-0",
                        "--output=" + target));
        List<Path> files;
        try (Stream<Path> walk = Files.walk(target)) {
            files = walk.filter(Files::isRegularFile).toList();
        }
        for (Path file : files) {
            String name = target.relativize(file).toString();
            if (UNUSED.contains(name) || name.startsWith("legal/")) {
                Files.delete(file);
            }
        }
    }
}
