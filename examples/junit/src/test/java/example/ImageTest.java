package example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.lamina.junit.VirtualMachine;
import io.lamina.junit.VmImage;
import org.junit.jupiter.api.Test;

/** What is to hold of the image in the directory {@code image}, an OCI layout. */
@VmImage("oci:image:latest")
class ImageTest {
    @Test
    void theAccountOfTheServiceIsThere(VirtualMachine machine) {
        assertEquals("1000", machine.run("id", "-u", "guest").orFail().stdout().strip());
    }

    @Test
    void aChangedConfigurationIsRead(VirtualMachine machine) {
        machine.write("/etc/greeting", "hello");
        assertEquals("hello", machine.shell("cat /etc/greeting").orFail().stdout());
    }

    @Test
    void noTestFindsWhatAnotherHasWritten(VirtualMachine machine) {
        assertFalse(machine.shell("ls /etc").orFail().stdout().contains("greeting"));
    }
}
