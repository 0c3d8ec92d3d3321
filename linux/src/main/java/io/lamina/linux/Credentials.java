package io.lamina.linux;

import java.util.List;

/**
 * Whose rights a process has ({@code credentials(7)}): real, effective and saved ids are the same.
 *
 * @param uid user id, an unsigned 32-bit number other than 2^32-1
 * @param gid group id, as {@code uid}
 * @param groups supplementary groups, in the order the kernel gets them
 */
public record Credentials(int uid, int gid, List<Integer> groups) {
    /** The user of number 0 in group 0 alone. */
    public static final Credentials ROOT = new Credentials(0, 0, List.of());

    public Credentials {
        if (uid == -1 || gid == -1) {
            throw new IllegalArgumentException("user or group 4294967295, which the kernel takes for \"unchanged\"");
        }
        groups = List.copyOf(groups);
    }
}
