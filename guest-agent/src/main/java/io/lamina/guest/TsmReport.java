package io.lamina.guest;

import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * A report that the guest's TEE has signed, as Linux hands it out: a directory made below {@code tsm/report} of configfs takes
 * 64 bytes of the caller's in {@code inblob} and has the report in {@code outblob}
 * (https://github.com/torvalds/linux/blob/v6.12/Documentation/ABI/testing/configfs-tsm). This is a seam: it has met a
 * directory that behaves like configfs, and no TEE. A guest image for one loads the kernel's {@code tsm} and
 * {@code tdx_guest} or {@code sev_guest} and mounts configfs before the agent starts.
 *
 * @param provider who has made it, such as {@code tdx_guest}
 * @param report what it has signed, in its own format
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier that lives within one call and is never compared
record TsmReport(String provider, byte[] report) {
    private static final String REPORTS = "kernel/config/tsm/report";
    private static final String NAME = "lamina-";

    /** Names that others may have taken. */
    private static final int MAX_NAMES = 16;

    private static final int DATA_BYTES = 64;

    /** Makes and removes directories; those of configfs have files at once, and take them along. */
    interface Entries {
        /** The file system itself. */
        Entries REAL = new Entries() {
            @Override
            public void make(Path entry) throws IOException {
                Files.createDirectory(entry);
            }

            @Override
            public void remove(Path entry) throws IOException {
                Files.delete(entry);
            }
        };

        void make(Path entry) throws IOException;

        void remove(Path entry) throws IOException;
    }

    /** What a report is asked over: the digest of the verifier's nonce, then that of what was measured. */
    static byte[] data(byte[] nonce, Digest measured) {
        return ByteBuffer.allocate(DATA_BYTES)
                .put(Digest.ofContent(nonce).bytes())
                .put(measured.bytes())
                .array();
    }

    /**
     * Asks for a report.
     *
     * @param sysfs where sysfs is mounted, with configfs in it
     * @param data what it is to be over, see {@link #data}
     * @return empty where the kernel has no such interface
     * @throws IOException if there is one and it gives none, or somebody else has used the directory meanwhile
     */
    static Optional<TsmReport> of(Path sysfs, byte[] data) throws IOException {
        return of(sysfs, data, Entries.REAL);
    }

    static Optional<TsmReport> of(Path sysfs, byte[] data, Entries entries) throws IOException {
        Path reports = sysfs.resolve(REPORTS);
        if (Files.notExists(reports)) {
            return Optional.empty();
        }
        Path entry = make(reports, entries);
        try {
            Files.write(entry.resolve("inblob"), data, StandardOpenOption.WRITE);
            byte[] report = Files.readAllBytes(entry.resolve("outblob"));
            String provider = read(entry.resolve("provider"));
            // Each write of an attribute counts; ours was the only one, or the report may be over another's data.
            String generation = read(entry.resolve("generation"));
            if (!generation.equals("1")) {
                throw new IOException(entry + " was written " + generation + " times, by others too");
            }
            return Optional.of(new TsmReport(provider, report));
        } finally {
            entries.remove(entry);
        }
    }

    private static Path make(Path reports, Entries entries) throws IOException {
        for (int i = 0; i < MAX_NAMES; i++) {
            Path entry = reports.resolve(NAME + i);
            try {
                entries.make(entry);
                return entry;
            } catch (FileAlreadyExistsException taken) {
                // The next one, then.
            }
        }
        throw new IOException(reports + " has " + MAX_NAMES + " reports of the agent's name");
    }

    private static String read(Path attribute) throws IOException {
        return new String(Files.readAllBytes(attribute), StandardCharsets.US_ASCII).strip();
    }
}
