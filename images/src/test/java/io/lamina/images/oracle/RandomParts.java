package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.lamina.images.oracle.LayerEntry.Attributes;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.LayerEntry.Encoding;
import io.lamina.images.oracle.LayerStacks.Judge;
import io.lamina.linux.FileStatus.DeviceNumber;
import io.lamina.linux.FileStatus.Timestamp;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;

/** Random names, contents and attributes, with a liking for the edges of formats. */
final class RandomParts {
    private static final List<String> SHORT_NAMES = List.of("a", "b", "c", "d", "e", "f");
    private static final List<String> ODD_NAMES = List.of(
            " ",
            "\n",
            "\t x ",
            "\u00ff\u00fe",
            "\u0080",
            "\u0001",
            "\u007f",
            ".wh",
            ".whx",
            "wh.a",
            "...",
            "..x",
            ".x",
            "-x",
            "!x",
            "+",
            "~",
            "\\",
            "*?[",
            "\"'",
            "a=b",
            "100%",
            "A",
            "a.",
            "a ",
            "a!",
            "a-b",
            "aa",
            "\u00c3\u00a4",
            "\u00f0\u009f\u0090\u00b3",
            "n".repeat(254),
            "n".repeat(255),
            "p".repeat(99),
            "p".repeat(100),
            "p".repeat(101));
    /** These would steer an overlay mount or a merge, or mean nothing to Linux: a layer cannot set them. */
    private static final List<String> DROPPED_ATTRIBUTES = List.of(
            "trusted.overlay.opaque",
            "trusted.overlay.redirect",
            "trusted.overlay.whiteout",
            "user.overlay.x",
            "trusted.lamina.implied",
            "com.apple.provenance",
            "system.nfs4_acl");

    private static final int[] SIZES = {
        0, 0, 1, 3, 100, 511, 512, 513, 1000, 4095, 4096, 4097, 8191, 8192, 8193, 12_288, 20_000, 65_536, 131_073,
        1_100_000
    };
    private static final int[] PERMISSIONS = {0644, 0644, 0755, 0755, 0600, 0700, 04755, 02755, 01777, 06711, 07777, 0};
    private static final long[] IDS = {0, 0, 0, 1, 1000, 65_534, 65_535, 65_536, 4_000_000, 1L << 31, 0xffff_fffeL};
    private static final long[] SECONDS = {
        0,
        1,
        1_000_000_000,
        1_700_000_000,
        1_700_000_001,
        0x7fff_ffffL,
        0x8000_0000L,
        0xffff_ffffL,
        0x1_0000_0000L,
        0x1_ffff_ffffL,
        -1,
        -2,
        -86_400,
        -631_152_000,
        -2_147_483_648L
    };
    private static final int[] NANOSECONDS = {0, 0, 0, 1, 999_999_999, 500_000_000, 123_456_789, 100};

    private final SplittableRandom random;
    private final Judge judge;
    private final Timestamp usualTime;

    RandomParts(SplittableRandom random, Judge judge) {
        this.random = random;
        this.judge = judge;
        this.usualTime = new Timestamp(1_600_000_000L + random.nextInt(100_000_000), random.nextBoolean() ? 0 : 42);
    }

    String shortName() {
        return SHORT_NAMES.get(random.nextInt(SHORT_NAMES.size()));
    }

    String name() {
        int dice = random.nextInt(10);
        if (dice < 7) {
            return shortName();
        }
        if (dice < 9) {
            return ODD_NAMES.get(random.nextInt(ODD_NAMES.size()));
        }
        return randomName(1 + random.nextInt(random.nextInt(4) == 0 ? 255 : 12));
    }

    private String randomName(int length) {
        StringBuilder name = new StringBuilder();
        while (name.length() < length) {
            char c = (char) (1 + random.nextInt(255));
            name.append(c == '/' ? 'x' : c);
        }
        String text = name.toString();
        return text.equals(".") || text.equals("..") || text.startsWith(".wh.") ? "x" : text;
    }

    Body.File file() {
        int size = SIZES[random.nextInt(SIZES.length)];
        byte[] content = new byte[size];
        random.nextBytes(content);
        if (random.nextInt(3) == 0) {
            // Zero runs, on block boundaries and across them.
            for (int runs = 1 + random.nextInt(4); runs > 0 && size > 0; runs--) {
                boolean aligned = random.nextBoolean();
                int from = random.nextInt(size) & (aligned ? ~4095 : ~0);
                int to = Math.min(size, from + (aligned ? 4096 * (1 + random.nextInt(4)) : random.nextInt(10_000)));
                Arrays.fill(content, from, to, (byte) 0);
            }
        }
        if (random.nextInt(12) == 0) {
            content = new byte[size];
        }
        return new Body.File(new String(content, ISO_8859_1));
    }

    Body.SymbolicLink symbolicLink() {
        return new Body.SymbolicLink(
                switch (random.nextInt(8)) {
                    case 0 -> "/" + shortName() + "/" + name();
                    case 1 -> "../" + name();
                    case 2 -> "x".repeat(100 + random.nextInt(3));
                    case 3 -> ("y".repeat(99) + "/").repeat(random.nextInt(2) == 0 ? 10 : 40) + "z".repeat(95);
                    case 4 -> "../../../../etc/passwd";
                    default -> name();
                });
    }

    Body special() {
        if (random.nextInt(3) == 0) {
            return new Body.Fifo();
        }
        int major = 1 + random.nextInt(random.nextBoolean() ? 8 : 4095);
        int minor = random.nextInt(random.nextBoolean() ? 256 : 1 << 20);
        return new Body.Device(random.nextBoolean(), new DeviceNumber(major, minor));
    }

    Attributes plainAttributes() {
        return new Attributes(0644, 0, 0, new Timestamp(usualTime.seconds(), 0), Collections.emptySortedMap());
    }

    Attributes attributes(Body body) {
        boolean symlink = body instanceof Body.SymbolicLink;
        int permissions = symlink ? 0777 : PERMISSIONS[random.nextInt(PERMISSIONS.length)];
        if (random.nextInt(3) == 0) {
            return new Attributes(permissions, 0, 0, usualTime, xattrs(body, permissions));
        }
        return new Attributes(
                permissions,
                IDS[random.nextInt(IDS.length)],
                IDS[random.nextInt(IDS.length)],
                new Timestamp(SECONDS[random.nextInt(SECONDS.length)], NANOSECONDS[random.nextInt(NANOSECONDS.length)]),
                xattrs(body, permissions));
    }

    /** A hard link's header repeats its target's attributes, as every tar does, or has less of them. */
    Attributes linkAttributes(LayerEntry target) {
        Attributes same = target.attributes();
        if (judge == Judge.UMOCI || random.nextBoolean()) {
            return same;
        }
        return new Attributes(
                same.permissions(), same.uid(), same.gid(), same.modified(), Collections.emptySortedMap());
    }

    private SortedMap<String, byte[]> xattrs(Body body, int permissions) {
        SortedMap<String, byte[]> xattrs = new TreeMap<>();
        if (random.nextInt(5) != 0) {
            return xattrs;
        }
        boolean file = body instanceof Body.File;
        boolean directory = body instanceof Body.Directory;
        for (int count = 1 + random.nextInt(4); count > 0; count--) {
            switch (random.nextInt(9)) {
                case 0, 1 -> {
                    // Only these two types may have user attributes, a sticky directory only its owner's (xattr(7)).
                    if (file || (directory && (permissions & 01000) == 0)) {
                        xattrs.put("user." + attributeName(), value());
                    }
                }
                case 2, 3 -> xattrs.put("trusted." + attributeName(), value());
                case 4 -> xattrs.put("security." + shortName(), value());
                case 5 -> {
                    if (file) {
                        xattrs.put("security.capability", capability());
                    }
                }
                case 6 -> {
                    if ((file || directory) && judge == Judge.OVERLAYFS) {
                        xattrs.put("system.posix_acl_access", accessList());
                    }
                }
                case 7 -> {
                    if (directory && judge == Judge.OVERLAYFS) {
                        xattrs.put("system.posix_acl_default", accessList());
                    }
                }
                default -> {
                    if (judge == Judge.OVERLAYFS) {
                        String name = DROPPED_ATTRIBUTES.get(random.nextInt(DROPPED_ATTRIBUTES.size()));
                        xattrs.put(name, "y".getBytes(ISO_8859_1));
                    }
                }
            }
        }
        return xattrs;
    }

    private String attributeName() {
        return switch (random.nextInt(5)) {
            case 0 -> "com.example.a.long.common.prefix." + shortName();
            case 1 -> "x".repeat(200) + shortName();
            case 2 -> "\u00e4.odd name";
            default -> shortName();
        };
    }

    /** Never empty: to POSIX pax, and to Go's reader, an empty record takes an earlier one away. */
    private byte[] value() {
        int[] sizes = {1, 2, 3, 4, 5, 20, 255, 256, 1000, 5000, 30_000};
        byte[] value = new byte[sizes[random.nextInt(sizes.length)]];
        random.nextBytes(value);
        return value;
    }

    /** {@code struct vfs_cap_data} of version 2 ({@code linux/capability.h}), effective, with one capability. */
    private byte[] capability() {
        return ByteBuffer.allocate(20)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(0x0200_0001)
                .putInt(1 << random.nextInt(20))
                .array();
    }

    /** A POSIX access list as its attribute has it ({@code linux/posix_acl_xattr.h}): version 2, sorted by tag. */
    private byte[] accessList() {
        ByteBuffer list = ByteBuffer.allocate(4 + 8 * 5).order(ByteOrder.LITTLE_ENDIAN);
        list.putInt(2);
        accessEntry(list, 0x01, -1);
        accessEntry(list, 0x02, 1000 + random.nextInt(3));
        accessEntry(list, 0x04, -1);
        accessEntry(list, 0x10, -1);
        accessEntry(list, 0x20, -1);
        return list.array();
    }

    private void accessEntry(ByteBuffer list, int tag, int id) {
        list.putShort((short) tag).putShort((short) random.nextInt(8)).putInt(id);
    }

    Encoding encoding(Body body, Attributes attributes) {
        boolean simple = attributes.xattrs().isEmpty() && attributes.modified().nanoseconds() == 0;
        int dice = random.nextInt(20);
        if (body instanceof Body.File(String content) && !content.isEmpty() && dice < 4) {
            return switch (dice) {
                case 0 -> Encoding.SPARSE_PAX_0_0;
                case 1 -> Encoding.SPARSE_PAX_0_1;
                case 2 -> Encoding.SPARSE_PAX_1_0;
                default -> simple && judge == Judge.OVERLAYFS ? Encoding.SPARSE_GNU : Encoding.PAX;
            };
        }
        if (dice < 8 && simple) {
            return Encoding.GNU;
        }
        if (dice < 10 && judge == Judge.OVERLAYFS) {
            return Encoding.LIBARCHIVE;
        }
        return dice < 15 ? Encoding.PLAIN : Encoding.PAX;
    }

    /** The name as a tar may have it. */
    String written(String prefix, String path, Body body) {
        String written = prefix + path;
        if (judge == Judge.OVERLAYFS && random.nextInt(30) == 0) {
            written = random.nextBoolean() ? "/" + path : "././" + path.replaceFirst("/", "//");
        }
        if (body instanceof Body.Directory) {
            written = written.isEmpty() ? "./" : written.endsWith("/") ? written : written + "/";
        }
        return written;
    }
}
