package io.lamina.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.guest.Accounts.User;
import io.lamina.linux.Credentials;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AccountsTest {
    private static final Accounts ACCOUNTS = new Accounts(
            List.of("root:x:0:0:root:/root:/bin/sh", "bob:x:1000:1001::/home/bob:", "1000x:x:7:8::/:", "broken:x:9"),
            List.of("root:x:0:", "staff:x:50:bob,alice", "wheel:x:10:bob", "broken:x", "alice:x:60:"));

    @Test
    void noUserIsRoot() throws IOException {
        assertEquals(new User(Credentials.ROOT, "/root"), ACCOUNTS.find(""));
        assertEquals(new User(Credentials.ROOT, "/"), new Accounts(List.of(), List.of()).find(""));
    }

    @Test
    void aNameOrItsNumberBringsGroupAndSupplementaryGroups() throws IOException {
        User bob = new User(new Credentials(1000, 1001, List.of(50, 10)), "/home/bob");
        assertEquals(bob, ACCOUNTS.find("bob"));
        assertEquals(bob, ACCOUNTS.find("1000"));
        assertEquals(new Credentials(7, 8, List.of()), ACCOUNTS.find("1000x").credentials());
    }

    @Test
    void aGroupThatIsNamedReplacesAllOthers() throws IOException {
        assertEquals(
                new Credentials(1000, 50, List.of()), ACCOUNTS.find("bob:staff").credentials());
        assertEquals(
                new Credentials(1000, 77, List.of()), ACCOUNTS.find("1000:77").credentials());
    }

    @Test
    void anUnknownNumberIsTakenAsItIsAndAnUnknownNameIsRefused() throws IOException {
        assertEquals(new User(new Credentials(4242, 0, List.of()), "/"), ACCOUNTS.find("4242"));
        assertEquals(-2, ACCOUNTS.find("4294967294").credentials().uid());
        for (String user :
                List.of("nobody", "bob:nogroup", "broken", "4294967295", "-1", "0x1", "bob:broken", "99999999999")) {
            assertThrows(IOException.class, () -> ACCOUNTS.find(user), user);
        }
    }

    @Test
    void randomFilesGiveUsersOrErrorsAndNothingElse() {
        String alphabet = "ab01:::,\u0000é-4294967295";
        for (long seed = 0; seed < 20_000; seed++) {
            Random random = new Random(seed);
            Accounts accounts = new Accounts(lines(random, alphabet), lines(random, alphabet));
            try {
                Credentials found = accounts.find(line(random, alphabet)).credentials();
                assertTrue(found.uid() != -1 && found.gid() != -1, "seed " + seed);
            } catch (IOException expected) {
                assertTrue(expected.getMessage().startsWith("the image's /etc/"), "seed " + seed);
            }
        }
    }

    @Test
    void theFilesAreFoundAsTheImageSeesThem(@TempDir Path root) throws IOException {
        Files.createDirectories(root.resolve("real"));
        Files.writeString(root.resolve("real/passwd"), "bob:x:5:6::/b:\n");
        Files.createSymbolicLink(root.resolve("etc"), Path.of("/../../real"));
        assertEquals(5, Accounts.of(root).find("bob").credentials().uid());
        Files.createSymbolicLink(root.resolve("real/group"), Path.of("group"));
        assertThrows(IOException.class, () -> Accounts.of(root));
    }

    private static List<String> lines(Random random, String alphabet) {
        List<String> lines = new ArrayList<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            lines.add(line(random, alphabet));
        }
        return lines;
    }

    private static String line(Random random, String alphabet) {
        StringBuilder line = new StringBuilder();
        for (int i = random.nextInt(24); i > 0; i--) {
            line.append(alphabet.charAt(random.nextInt(alphabet.length())));
        }
        return line.toString();
    }
}
