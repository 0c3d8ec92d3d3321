package io.lamina.host.guestimage;

import io.lamina.images.oci.Digest;
import io.lamina.images.statement.MeasuredStatement;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Kernel, initramfs, initdata and command line as one program for UEFI, which its firmware measures as a whole, and the boot
 * stub once more part by part (systemd-stub(7) of systemd 252; "Unified Kernel Image Specification", UAPI Group). The parts
 * are sections behind those of the stub (Microsoft, "PE Format").
 */
public final class UnifiedKernel {
    /** Register into which the stub measures the sections. */
    public static final int PCR = 11;

    private static final int PE_OFFSET = 0x3c;
    private static final int PE_SIGNATURE = 0x00004550;
    private static final int COFF_BYTES = 24;
    private static final int SECTION_COUNT = 6;
    private static final int OPTIONAL_HEADER_SIZE = 20;

    // Within the optional header of PE32+.
    private static final int SECTION_ALIGNMENT = 32;
    private static final int FILE_ALIGNMENT = 36;
    private static final int SIZE_OF_IMAGE = 56;
    private static final int SIZE_OF_HEADERS = 60;

    // Within a section header.
    private static final int SECTION_HEADER_BYTES = 40;
    private static final int NAME_BYTES = 8;
    private static final int VIRTUAL_SIZE = 8;
    private static final int VIRTUAL_ADDRESS = 12;
    private static final int RAW_SIZE = 16;
    private static final int RAW_POINTER = 20;
    private static final int CHARACTERISTICS = 36;

    /** Initialized data, readable. */
    private static final int DATA = 0x40000040;

    private final SequencedMap<String, byte[]> sections;

    private UnifiedKernel(SequencedMap<String, byte[]> sections) {
        this.sections = sections;
    }

    /** The parts of {@code guest} with {@code initdata}, in the order in which the stub measures them. */
    public static UnifiedKernel of(GuestImage guest, byte[] initdata) throws IOException {
        byte[] initramfs = Files.readAllBytes(guest.initramfs());
        int padding = -initramfs.length & 3;
        byte[] initrd = ByteBuffer.allocate(initramfs.length + padding + initdata.length)
                .put(initramfs)
                .put(new byte[padding])
                .put(initdata)
                .array();
        SequencedMap<String, byte[]> sections = new LinkedHashMap<>();
        sections.put(".linux", Files.readAllBytes(guest.kernel()));
        sections.put(".osrel", ascii("ID=lamina\nVERSION_ID=" + guest.kernelRelease() + "\n"));
        sections.put(".cmdline", ascii(GuestImage.KERNEL_ARGUMENTS));
        sections.put(".initrd", initrd);
        return new UnifiedKernel(sections);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** What register {@link #PCR} holds after a boot of this image: each section's name with its NUL, then its content. */
    public Digest register() {
        Digest value = Digest.of(new byte[Digest.BYTES]);
        for (Map.Entry<String, byte[]> section : sections.entrySet()) {
            value = MeasuredStatement.extend(value, Digest.ofContent(ascii(section.getKey() + "\0")));
            value = MeasuredStatement.extend(value, Digest.ofContent(section.getValue()));
        }
        return value;
    }

    /**
     * The image as a program.
     *
     * @param stub systemd's {@code linuxx64.efi.stub}
     * @throws IOException if that cannot be read, or has no room for further sections
     */
    public byte[] program(Path stub) throws IOException {
        byte[] stubBytes = Files.readAllBytes(stub);
        ByteBuffer old = ByteBuffer.wrap(stubBytes).order(ByteOrder.LITTLE_ENDIAN);
        int pe = old.getInt(PE_OFFSET);
        if (pe < 0 || pe > stubBytes.length - COFF_BYTES || old.getInt(pe) != PE_SIGNATURE) {
            throw new IOException(stub + " is no program for UEFI");
        }
        int optional = pe + COFF_BYTES;
        int table = optional + Short.toUnsignedInt(old.getShort(pe + OPTIONAL_HEADER_SIZE));
        int count = Short.toUnsignedInt(old.getShort(pe + SECTION_COUNT));
        int fileAlignment = old.getInt(optional + FILE_ALIGNMENT);
        if (table + (count + sections.size()) * SECTION_HEADER_BYTES > old.getInt(optional + SIZE_OF_HEADERS)) {
            throw new IOException(stub + " has no room for " + sections.size() + " more sections");
        }
        long size = stubBytes.length;
        for (byte[] content : sections.values()) {
            size = aligned(size, fileAlignment) + content.length;
        }
        ByteBuffer image = ByteBuffer.allocate(Math.toIntExact(aligned(size, fileAlignment)))
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(stubBytes);
        int raw = stubBytes.length;
        int address = old.getInt(optional + SIZE_OF_IMAGE);
        int header = table + count * SECTION_HEADER_BYTES;
        for (Map.Entry<String, byte[]> section : sections.entrySet()) {
            byte[] content = section.getValue();
            raw = (int) aligned(raw, fileAlignment);
            address = (int) aligned(address, old.getInt(optional + SECTION_ALIGNMENT));
            byte[] name = ascii(section.getKey());
            image.put(header, new byte[SECTION_HEADER_BYTES]).put(header, name, 0, Math.min(name.length, NAME_BYTES));
            image.putInt(header + VIRTUAL_SIZE, content.length);
            image.putInt(header + VIRTUAL_ADDRESS, address);
            image.putInt(header + RAW_SIZE, (int) aligned(content.length, fileAlignment));
            image.putInt(header + RAW_POINTER, raw);
            image.putInt(header + CHARACTERISTICS, DATA);
            image.put(raw, content);
            raw += content.length;
            address += content.length;
            header += SECTION_HEADER_BYTES;
        }
        image.putShort(pe + SECTION_COUNT, (short) (count + sections.size()));
        image.putInt(optional + SIZE_OF_IMAGE, (int) aligned(address, old.getInt(optional + SECTION_ALIGNMENT)));
        return image.array();
    }

    private static long aligned(long value, int alignment) {
        return Math.ceilDiv(value, alignment) * (long) alignment;
    }
}
