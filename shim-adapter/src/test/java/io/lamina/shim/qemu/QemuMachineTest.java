package io.lamina.shim.qemu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.shim.qemu.QemuMachine.Accelerator;
import java.util.List;
import org.junit.jupiter.api.Test;

class QemuMachineTest {
    private static final QemuMachine MACHINE = new QemuMachine(
            Accelerator.TCG,
            new QemuMachine.Size(512, 2),
            new QemuMachine.Kernel("/boot/vmlinuz", "/dev/fd/12", "console=ttyS0, or so"),
            10,
            11);

    @Test
    void guestMemoryIsSharedAndSealedAsVhostUserNeedsIt() {
        assertEquals("memory-backend-memfd,id=ram,size=512M,share=on,seal=on", valueOf("-object"));
        assertEquals("512M", valueOf("-m"));
        assertTrue(valueOf("-machine").endsWith(",memory-backend=ram"), valueOf("-machine"));
    }

    @Test
    void imageAndAgentComeAsDescriptors() {
        List<String> line = MACHINE.arguments();
        assertTrue(line.contains("socket,id=image,fd=10"));
        assertTrue(line.contains("vhost-user-blk-pci,chardev=image,num-queues=1,queue-size=128"));
        assertTrue(line.contains("socket,id=agent,fd=11"));
        assertTrue(line.contains("virtserialport,chardev=agent,name=lamina.agent.0"));
    }

    @Test
    void theKernelsArgumentsAreOneArgument() {
        assertEquals("console=ttyS0, or so", valueOf("-append"));
        assertEquals("/dev/fd/12", valueOf("-initrd"));
    }

    @Test
    void theAcceleratorDecidesTheProcessor() {
        assertEquals("max", valueOf("-cpu"));
        List<String> kvm = new QemuMachine(Accelerator.KVM, MACHINE.size(), MACHINE.kernel(), 10, 11).arguments();
        assertEquals("host", kvm.get(kvm.indexOf("-cpu") + 1));
        assertEquals("kvm", kvm.get(kvm.indexOf("-accel") + 1));
    }

    private static String valueOf(String option) {
        List<String> line = MACHINE.arguments();
        return line.get(line.indexOf(option) + 1);
    }
}
