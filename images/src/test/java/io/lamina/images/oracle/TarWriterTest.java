package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.images.oracle.LayerEntry.Attributes;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.LayerEntry.Encoding;
import io.lamina.linux.FileStatus.Timestamp;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** GNU tar reads what the test's own writer writes. */
final class TarWriterTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @EnumSource
    void gnuTarExtractsTheFile(Encoding encoding) throws IOException {
        Machine.needsProgram("tar");
        StringBuilder content = new StringBuilder("start");
        for (int hole = 0; hole < 30; hole++) {
            content.append("\0".repeat(4096)).append("data ").append(hole);
        }
        content.append("\0".repeat(5000));
        String name = "d".repeat(90) + "/" + "f".repeat(130);
        Attributes attributes =
                new Attributes(0640, 70_000, 3_000_000, new Timestamp(-5, 0), Collections.emptySortedMap());
        LayerEntry entry = new LayerEntry(name, name, attributes, new Body.File(content.toString()), encoding);
        Path tar = Files.write(directory.resolve("tar"), TarWriter.tar(List.of(entry)));

        Command.run("tar", "--numeric-owner", "--no-same-owner", "-C", directory.toString(), "-xf", tar.toString());
        String listed = Command.run("env", "TZ=UTC", "tar", "--numeric-owner", "--full-time", "-tvf", tar.toString());

        assertEquals(content.toString(), Files.readString(directory.resolve(name), ISO_8859_1));
        assertEquals(
                "-rw-r----- 70000/3000000 %d 1969-12-31 23:59:55 %s".formatted(content.length(), name),
                listed.lines().reduce((first, last) -> last).orElseThrow());
    }

    @Test
    void fractionsOfSecondsBefore1970AreNegativeDecimals() {
        assertEquals("-0.5", TarWriter.decimal(new Timestamp(-1, 500_000_000)));
        assertEquals("-9.75", TarWriter.decimal(new Timestamp(-10, 250_000_000)));
        assertEquals("1700000000.000000001", TarWriter.decimal(new Timestamp(1_700_000_000, 1)));
    }
}
