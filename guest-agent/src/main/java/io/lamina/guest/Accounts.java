package io.lamina.guest;

import io.lamina.linux.Credentials;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Users and groups of an image, {@code /etc/passwd} and {@code /etc/group} ({@code passwd(5)}, {@code group(5)}). Lines
 * that are not of the format are skipped, as the C library does.
 *
 * @param passwd lines of the one
 * @param group lines of the other
 */
record Accounts(List<String> passwd, List<String> group) {
    /** A file of this size has tens of thousands of accounts. */
    private static final long MAX_FILE_BYTES = 4 << 20;

    private static final long MAX_ID = 0xfffffffeL;

    /**
     * Who a process is.
     *
     * @param credentials its rights
     * @param home its home directory
     */
    record User(Credentials credentials, String home) {}

    private record PasswdEntry(String name, int uid, int gid, String home) {}

    private record GroupEntry(String name, int gid, List<String> members) {}

    /** Reads both files of the image at {@code root}; a file that is not there counts as empty. */
    static Accounts of(Path root) throws IOException {
        return new Accounts(lines(root, "/etc/passwd"), lines(root, "/etc/group"));
    }

    /**
     * The user that an image configuration names: {@code user}, {@code uid}, {@code user:group} and the like; empty is
     * root (OCI image-spec v1.1.1, config.md, "User"). Without a group the user has the group of {@code /etc/passwd}, or
     * group 0, and the supplementary groups of {@code /etc/group}.
     *
     * @throws IOException if a name is not in the files, or a number too large
     */
    User find(String user) throws IOException {
        int colon = user.indexOf(':');
        String userPart = colon < 0 ? user : user.substring(0, colon);
        String groupPart = colon < 0 ? "" : user.substring(colon + 1);
        Optional<Integer> number = number(userPart.isEmpty() ? "0" : userPart);
        Optional<PasswdEntry> entry = passwd.stream()
                .flatMap(line -> passwdEntry(line).stream())
                .filter(candidate ->
                        number.isPresent() ? candidate.uid == number.get() : candidate.name.equals(userPart))
                .findFirst();
        if (number.isEmpty() && entry.isEmpty()) {
            throw new IOException("the image's /etc/passwd has no user " + userPart);
        }
        int uid = number.orElseGet(() -> entry.orElseThrow().uid);
        int gid = groupPart.isEmpty() ? entry.map(PasswdEntry::gid).orElse(0) : groupNumber(groupPart);
        List<Integer> supplementary = groupPart.isEmpty() && entry.isPresent() ? groupsOf(entry.get().name) : List.of();
        String home =
                entry.map(PasswdEntry::home).filter(path -> !path.isEmpty()).orElse("/");
        return new User(new Credentials(uid, gid, supplementary), home);
    }

    private int groupNumber(String name) throws IOException {
        Optional<Integer> number = number(name);
        if (number.isPresent()) {
            return number.get();
        }
        return group.stream()
                .flatMap(line -> groupEntry(line).stream())
                .filter(entry -> entry.name.equals(name))
                .findFirst()
                .orElseThrow(() -> new IOException("the image's /etc/group has no group " + name))
                .gid;
    }

    private List<Integer> groupsOf(String user) {
        return group.stream()
                .flatMap(line -> groupEntry(line).stream())
                .filter(entry -> entry.members.contains(user))
                .map(GroupEntry::gid)
                .distinct()
                .toList();
    }

    private static Optional<PasswdEntry> passwdEntry(String line) {
        String[] fields = line.split(":", -1);
        if (fields.length != 7 || fields[0].isEmpty()) {
            return Optional.empty();
        }
        return number(fields[2])
                .flatMap(uid -> number(fields[3]).map(gid -> new PasswdEntry(fields[0], uid, gid, fields[5])));
    }

    private static Optional<GroupEntry> groupEntry(String line) {
        String[] fields = line.split(":", -1);
        if (fields.length != 4 || fields[0].isEmpty()) {
            return Optional.empty();
        }
        return number(fields[2]).map(gid -> new GroupEntry(fields[0], gid, List.of(fields[3].split(",", -1))));
    }

    /** A number from 0 to 2^32-2; empty for anything else, such as a name. */
    private static Optional<Integer> number(String text) {
        if (text.isEmpty() || text.length() > 10 || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Optional.empty();
        }
        long value = Long.parseLong(text);
        return value <= MAX_ID ? Optional.of((int) value) : Optional.empty();
    }

    private static List<String> lines(Path root, String path) throws IOException {
        Path file = RootPath.resolve(root, path);
        if (!Files.isRegularFile(file)) {
            return List.of();
        }
        if (Files.size(file) > MAX_FILE_BYTES) {
            throw new IOException("the image's " + path + " has " + Files.size(file) + " bytes, at most "
                    + MAX_FILE_BYTES + " are read");
        }
        return new ArrayList<>(new String(Files.readAllBytes(file), StandardCharsets.UTF_8)
                .lines()
                .toList());
    }
}
