package io.lamina.shim.cloudhypervisor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

final class VhostUserDiskTest {
    @Test
    void memoryIsSharedAndTheDiskIsASocket() {
        assertEquals(
                List.of(
                        "--memory",
                        "size=512M,shared=on",
                        "--disk",
                        "vhost_user=true,socket=/run/a.sock,num_queues=1,queue_size=128"),
                VhostUserDisk.arguments(Path.of("/run/a.sock"), 512));
    }

    @Test
    void aPathThatWouldEndTheOptionIsRefused() {
        for (String path : new String[] {"/run/a,path=/etc/shadow", "/run/a\"b", "/run/[a]"}) {
            assertThrows(IllegalArgumentException.class, () -> VhostUserDisk.arguments(Path.of(path), 512));
        }
    }
}
