package io.lamina.shim.doctor;

import io.lamina.images.CorruptImageException;
import java.util.List;

/**
 * What Kata's {@code configuration.toml} says of disks (src/runtime/config and src/runtime-rs/config at 4.1.0).
 *
 * @param rust whether it is runtime-rs's
 * @param hypervisor the table below {@code [hypervisor]}, such as {@code qemu}, {@code clh}, {@code cloud-hypervisor}
 * @param blockDriver {@code block_device_driver}
 * @param blockDevices whether disks may be plugged in
 * @param vhostUserStore whether vhost-user nodes are looked up
 * @param hugePages whether guest memory is of huge pages
 * @param reconnectSeconds how long QEMU tries again; 0: never
 */
public record KataConfig(
        boolean rust,
        String hypervisor,
        String blockDriver,
        boolean blockDevices,
        boolean vhostUserStore,
        boolean hugePages,
        long reconnectSeconds) {

    /**
     * Reads a file.
     *
     * @throws CorruptImageException if it is no TOML or names no hypervisor
     */
    public static KataConfig read(byte[] text) throws CorruptImageException {
        String what = "Kata's configuration";
        TomlFile file = TomlFile.read(what, text);
        List<String> hypervisors = file.names("hypervisor");
        if (hypervisors.isEmpty()) {
            throw new CorruptImageException(what, "has no table [hypervisor.NAME]");
        }
        // runtime-rs chooses by [runtime] hypervisor_name; the Go runtime has one table.
        String name = file.text("runtime", "hypervisor_name").orElse(hypervisors.getFirst());
        boolean rust = file.has("runtime", "hypervisor_name") || file.has("runtime", "agent_name");
        return new KataConfig(
                rust,
                name,
                file.text("hypervisor", name, "block_device_driver").orElse(rust ? "virtio-blk-pci" : "virtio-scsi"),
                !file.isTrue("hypervisor", name, "disable_block_device_use"),
                file.isTrue("hypervisor", name, "enable_vhost_user_store"),
                file.isTrue("hypervisor", name, "enable_hugepages"),
                file.number(0, "hypervisor", name, "vhost_user_reconnect_timeout_sec"));
    }

    boolean isQemu() {
        return hypervisor.equals("qemu");
    }
}
