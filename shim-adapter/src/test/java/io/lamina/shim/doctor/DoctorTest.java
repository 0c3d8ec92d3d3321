package io.lamina.shim.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class DoctorTest {
    private static final String RUST = """
            [hypervisor.qemu]
            block_device_driver = "virtio-blk-pci"
            [hypervisor.cloud-hypervisor]
            block_device_driver = "virtio-blk-pci"
            [runtime]
            hypervisor_name = "qemu"
            """;
    private static final String GO = """
            [hypervisor.qemu]
            enable_vhost_user_store = true
            enable_hugepages = true
            vhost_user_reconnect_timeout_sec = 5
            [runtime]
            enable_debug = false
            """;
    private static final Host.Programs PROGRAMS = new Host.Programs(
            Optional.of("QEMU emulator version 10.0.2"), Optional.empty(), Optional.of("containerd 2.4.0"));
    private static final Host HOST = new Host("6.12", true, true, true, true, PROGRAMS);

    @Test
    void theDocumentIsTheTableOfTheRoutes() throws Exception {
        Path document = Path.of("../docs/runtimes.md");
        String text = Files.readString(document);
        assertTrue(text.contains(Route.table()), "docs/runtimes.md lacks this table:\n" + Route.table());
    }

    @Test
    void onlyWhatATestHasShownCountsAsTried() {
        for (Route route : Route.values()) {
            assertEquals(route == Route.G, route.tried(), route.title());
        }
        assertTrue(judged(Route.A, RUST).lines().getFirst().contains("only read in source"));
    }

    @Test
    void theConfigurationDecides() {
        assertEquals(Verdict.WITHOUT_INTEGRITY, judged(Route.A, RUST).verdict());
        assertEquals(Verdict.WORKS, judged(Route.B, RUST).verdict());
        String cloud = RUST.replace("hypervisor_name = \"qemu\"", "hypervisor_name = \"cloud-hypervisor\"");
        assertEquals(Verdict.WITHOUT_INTEGRITY, judged(Route.A, cloud).verdict());
        assertEquals(Verdict.NEEDS_PATCH, judged(Route.B, cloud).verdict());
        assertEquals(Verdict.NEEDS_PATCH, judged(Route.F, RUST).verdict());
        assertEquals(Verdict.CANNOT, judged(Route.E, RUST).verdict());
        assertEquals(Verdict.WITHOUT_INTEGRITY, judged(Route.E, GO).verdict());
        assertEquals(Verdict.WITHOUT_INTEGRITY, judged(Route.F, GO).verdict());
        Doctor.Judgement off = judged(Route.F, GO.replace("enable_hugepages = true", "enable_hugepages = false"));
        assertEquals(Verdict.CANNOT, off.verdict());
        assertTrue(off.change().contains("enable_hugepages = true"), off.change());
        assertEquals(Verdict.CANNOT, judged(Route.A, GO).verdict());
        assertEquals(Verdict.WORKS, judged(Route.G, GO).verdict());
        assertEquals(
                Verdict.CANNOT,
                judged(Route.A, RUST.replace("virtio-blk-pci", "virtio-blk-mmio"))
                        .verdict());
    }

    @Test
    void theCacheNeedsContainerd24AndItsLines() throws Exception {
        assertEquals(Verdict.WITHOUT_INTEGRITY, judged(Route.D, RUST).verdict());
        ContainerdConfig set = ContainerdConfig.read("""
                [plugins."io.containerd.snapshotter.v1.erofs"]
                layer_content_caches = ["/cache"]
                dmverity_mode = "on"
                """.getBytes(StandardCharsets.UTF_8));
        Doctor.Judgement judgement =
                Doctor.judge(HOST, Optional.empty(), Optional.of(set)).get(3);
        assertEquals(Verdict.WORKS, judgement.verdict());
        assertEquals("", judgement.change());
    }

    @Test
    void whatIsNoConfigurationIsRefused() {
        for (String broken :
                new String[] {"", "[", "a = ", "x = 99999999999999999999999999e999999", "[hypervisor]", "\u0000"}) {
            assertThrows(
                    CorruptImageException.class,
                    () -> KataConfig.read(broken.getBytes(StandardCharsets.UTF_8)),
                    broken);
        }
        assertThrows(CorruptImageException.class, () -> KataConfig.read(new byte[TomlFile.MAX_BYTES + 1]));
        assertThrows(CorruptImageException.class, () -> KataConfig.read(new byte[] {(byte) 0xff}));
        assertThrows(
                CorruptImageException.class,
                () -> KataConfig.read(("a = " + "[".repeat(100_000)).getBytes(StandardCharsets.UTF_8)));
    }

    private static Doctor.Judgement judged(Route route, String kata) {
        try {
            KataConfig config = KataConfig.read(kata.getBytes(StandardCharsets.UTF_8));
            return Doctor.judge(HOST, Optional.of(config), Optional.empty()).stream()
                    .filter(judgement -> judgement.route() == route)
                    .findFirst()
                    .orElseThrow();
        } catch (CorruptImageException broken) {
            throw new AssertionError(broken);
        }
    }
}
