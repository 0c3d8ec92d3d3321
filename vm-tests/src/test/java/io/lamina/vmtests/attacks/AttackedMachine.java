package io.lamina.vmtests.attacks;

import io.lamina.guest.AttackedGuest;
import io.lamina.host.guestimage.CpioArchive;
import io.lamina.host.guestimage.GuestImage;
import io.lamina.host.guestimage.GuestImages;
import io.lamina.host.run.Installation;
import io.lamina.vmtests.LaminaCommand;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A machine with the guest's own kernel, runtime and agent, in which the agent meets one scenario after the other. What is
 * added to the initramfs: the scenarios, and {@link AttackedGuest}.
 */
final class AttackedMachine {
    /** What a host may hope for. */
    static final String HOSTILE_ARGUMENTS =
            "init=/bin/sh lamina.policy=off lamina.integrity=off lamina.root=" + "00".repeat(32);

    private static final String INIT = """
            #!/bin/busybox sh
            /bin/busybox mount -t proc proc /proc
            /bin/busybox mount -t sysfs sysfs /sys
            /bin/busybox mount -t devtmpfs dev /dev
            /bin/busybox mount -t tmpfs run /run
            /jre/bin/java $(/bin/busybox grep -v -e --class-path -e Agent$ -e Xmx /lamina/java.options) -Xmx192m \
              $(/bin/busybox grep -e --class-path /lamina/java.options):/attacks/classes %s
            /bin/busybox poweroff -f
            """.formatted(AttackedGuest.class.getName());

    private static final long PATIENCE_MINUTES = 15;

    private AttackedMachine() {}

    static String key(Mutant mutant) {
        return "MUTANT " + mutant.attack() + " " + mutant.mutation();
    }

    /** Boots, and answers what came of each scenario, by name, and of each mutant, by {@link #key}. */
    static Map<String, String> run(Path directory, byte[] device, Path scenarios, List<Mutant> mutants)
            throws IOException, InterruptedException {
        Path root = LaminaCommand.root();
        Path home = Path.of("target/lamina-home").toAbsolutePath();
        GuestImages images = new GuestImages(home.resolve("guest"), new Installation(root, home).agentJars());
        GuestImage guest = images.current();
        Path initramfs = directory.resolve("initramfs");
        Files.copy(guest.initramfs(), initramfs);
        try (OutputStream out = Files.newOutputStream(initramfs, StandardOpenOption.APPEND)) {
            out.write(new byte[(int) (-Files.size(initramfs) & 3)]);
            CpioArchive archive = new CpioArchive(out);
            archive.directory("attacks");
            archive.file("attacks/init", CpioArchive.EXECUTABLE, INIT.getBytes(StandardCharsets.US_ASCII));
            archive.file("attacks/device", CpioArchive.PLAIN, device);
            StringBuilder lines = new StringBuilder();
            mutants.forEach(mutant -> lines.append(mutant.attack() + " " + mutant.mutation() + "\n"));
            archive.file("attacks/mutants", CpioArchive.PLAIN, lines.toString().getBytes(StandardCharsets.US_ASCII));
            addTree(archive, scenarios, "attacks/scenarios");
            archive.directory("attacks/classes");
            archive.directory("attacks/classes/io");
            archive.directory("attacks/classes/io/lamina");
            addTree(archive, Path.of("target/test-classes/io/lamina/guest"), "attacks/classes/io/lamina/guest");
            archive.close();
        }
        return boot(guest.kernel(), initramfs);
    }

    private static Map<String, String> boot(Path kernel, Path initramfs) throws IOException, InterruptedException {
        List<String> line = new ArrayList<>(List.of("qemu-system-x86_64", "-no-user-config", "-nodefaults"));
        line.addAll(List.of("-no-reboot", "-display", "none", "-machine", "q35", "-accel", "tcg,thread=multi"));
        line.addAll(List.of("-cpu", "max", "-m", "1024M", "-serial", "stdio", "-kernel", kernel.toString()));
        line.addAll(List.of("-initrd", initramfs.toString()));
        line.addAll(List.of("-append", GuestImage.KERNEL_ARGUMENTS + " rdinit=/attacks/init " + HOSTILE_ARGUMENTS));
        Process qemu = new ProcessBuilder(line).redirectErrorStream(true).start();
        Thread patience = Thread.ofVirtual().start(() -> {
            try {
                if (!qemu.waitFor(PATIENCE_MINUTES, TimeUnit.MINUTES)) {
                    qemu.destroyForcibly();
                }
            } catch (InterruptedException done) {
                qemu.destroyForcibly();
            }
        });
        Map<String, String> outcomes = new HashMap<>();
        StringBuilder console = new StringBuilder();
        try (BufferedReader reader = qemu.inputReader(StandardCharsets.ISO_8859_1)) {
            for (String text = reader.readLine(); text != null; text = reader.readLine()) {
                console.append(text).append('\n');
                String[] words = text.strip().split(" ", 3);
                if (words[0].equals("OUTCOME") && words.length == 3) {
                    outcomes.put(words[1], words[2]);
                } else if (words[0].equals("MUTANT") && words.length == 3) {
                    String[] result = text.strip().split(" => ", 2);
                    outcomes.put(result[0], result[1]);
                }
            }
        }
        patience.interrupt();
        if (!outcomes.containsKey("end")) {
            throw new AssertionError("the machine did not come to its end:\n" + console);
        }
        System.out.println(console);
        return outcomes;
    }

    private static void addTree(CpioArchive archive, Path tree, String name) throws IOException {
        archive.directory(name);
        try (Stream<Path> files = Files.walk(tree)) {
            for (Path file : files.filter(path -> !path.equals(tree)).sorted().toList()) {
                String path = name + "/" + tree.relativize(file);
                if (Files.isDirectory(file)) {
                    archive.directory(path);
                } else {
                    archive.file(path, CpioArchive.PLAIN, file);
                }
            }
        }
    }
}
