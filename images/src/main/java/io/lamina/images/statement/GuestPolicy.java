package io.lamina.images.statement;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * All that a guest is told beforehand, and measured with: whom it trusts for which images, and what it lets its host do.
 * Unknown members are refused: a guest that does not know a restriction must not run without it.
 *
 * @param trust whose statements count, and for which images
 * @param profile what is allowed unless said otherwise
 * @param allowed what is allowed beyond the profile
 * @param onCorruption what dm-verity does when it finds a wrong block
 * @param mountOptions options of the image's mount beyond {@code ro} and {@code nodev}
 */
public record GuestPolicy(
        TrustPolicy trust,
        Profile profile,
        Set<Permission> allowed,
        OnCorruption onCorruption,
        Set<MountOption> mountOptions) {
    private static final int VERSION = 1;
    private static final Set<String> MEMBERS =
            Set.of("version", "trust", "profile", "allow", "onCorruption", "mountOptions");

    /** What a guest allows by itself. */
    public enum Profile {
        /** All that does not weaken the proof of the image. */
        STANDARD,
        /** Nothing that lets the host into the container or changes what runs there. */
        CONFIDENTIAL
    }

    /** Something that a host may ask of a guest, and a guest refuse. */
    public enum Permission {
        /** Another command than the image's own. */
        COMMAND,
        /** A further process in a running container. */
        EXEC,
        /** Files into or out of a container. */
        COPY,
        /** The container's changes as a new layer. */
        COMMIT,
        /** Block devices beside the image's and that of {@link #SCRATCH}. */
        DEVICES,
        /** A disk for the writable layer, which the guest encrypts with a key of its own; the statement must allow it too. */
        SCRATCH,
        /** Input for the command. */
        CONSOLE_INPUT,
        /** An image mounted without dm-verity; no profile allows it. */
        INTEGRITY_OFF
    }

    /** What happens to a guest that reads a wrong block. */
    public enum OnCorruption {
        /** The read fails with an I/O error, and the run with it at its end. */
        ERROR,
        /** The machine restarts at once. */
        RESTART,
        /** The kernel panics at once. */
        PANIC
    }

    /** Options that take rights away. */
    public enum MountOption {
        /** Set-user-id programs run without their owner's rights. */
        NOSUID,
        /** Reading changes no time. */
        NOATIME
    }

    /** Keeps copies. */
    public GuestPolicy {
        allowed = Set.copyOf(allowed);
        mountOptions = Set.copyOf(mountOptions);
    }

    /** The policy of a guest of which nothing is asked but to trust {@code trust}. */
    public static GuestPolicy standard(TrustPolicy trust) {
        return new GuestPolicy(trust, Profile.STANDARD, Set.of(), OnCorruption.ERROR, Set.of());
    }

    /** This policy with {@code permission} added. */
    public GuestPolicy allowing(Permission permission) {
        Set<Permission> more = new TreeSet<>(allowed);
        more.add(permission);
        return new GuestPolicy(trust, profile, more, onCorruption, mountOptions);
    }

    /** Whether the guest does what {@code permission} names when its host asks for it. */
    public boolean allows(Permission permission) {
        return allowed.contains(permission) || (profile == Profile.STANDARD && permission != Permission.INTEGRITY_OFF);
    }

    /** The policy as JSON, in the one form of {@link JsonWriter}. */
    public byte[] write() {
        Map<String, Object> policy = new TreeMap<>();
        policy.put("version", VERSION);
        policy.put("trust", trust.members());
        policy.put("profile", word(profile));
        policy.put("allow", words(allowed));
        policy.put("onCorruption", word(onCorruption));
        policy.put("mountOptions", words(mountOptions));
        return JsonWriter.write(policy);
    }

    /**
     * Reads a policy. Members that are absent are those of {@link #standard}, but {@code trust} must be there.
     *
     * @throws CorruptImageException if it is none
     */
    public static GuestPolicy parse(byte[] json) throws CorruptImageException {
        JsonObject policy = JsonParser.parse("policy", json).object();
        policy.refuseUnknown(MEMBERS);
        policy.required("version").integer(VERSION, VERSION);
        return new GuestPolicy(
                TrustPolicy.of(policy.required("trust").object()),
                one(policy.optional("profile"), Profile.values(), Profile.STANDARD),
                several(policy.array("allow"), Permission.values()),
                one(policy.optional("onCorruption"), OnCorruption.values(), OnCorruption.ERROR),
                several(policy.array("mountOptions"), MountOption.values()));
    }

    /** A constant as JSON and users write it. */
    private static String word(Enum<?> choice) {
        return choice.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static List<String> words(Set<? extends Enum<?>> choices) {
        return choices.stream().map(GuestPolicy::word).sorted().toList();
    }

    private static <T extends Enum<T>> Set<T> several(List<JsonValue> list, T[] choices) throws CorruptImageException {
        Set<T> found = new TreeSet<>();
        for (JsonValue element : list) {
            found.add(choice(element, choices));
        }
        return found;
    }

    private static <T extends Enum<T>> T one(@Nullable JsonValue value, T[] choices, T otherwise)
            throws CorruptImageException {
        return value == null ? otherwise : choice(value, choices);
    }

    private static <T extends Enum<T>> T choice(JsonValue value, T[] choices) throws CorruptImageException {
        String word = value.string();
        for (T choice : choices) {
            if (word(choice).equals(word)) {
                return choice;
            }
        }
        throw value.broken("is no word that this version knows: " + JsonValue.printable(word));
    }
}
