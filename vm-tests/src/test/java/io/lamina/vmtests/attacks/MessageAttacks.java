package io.lamina.vmtests.attacks;

import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.Start;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.StatementPayload;
import io.lamina.images.statement.StatementSigner;
import io.lamina.images.statement.Validity;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** Attacks by what the host says and by which disks it shows: all that is refused before a block of the image is read. */
final class MessageAttacks {
    private static final String JSON = StatementPayload.TYPE;

    private final AttackImages images;
    private final Signers signers = new Signers();
    private final List<Scenario> all = new ArrayList<>();

    MessageAttacks(AttackImages images) {
        this.images = images;
        statements();
        payloads();
        images();
        configurations();
        policies();
        disks();
        talks();
    }

    List<Scenario> all() {
        return all;
    }

    /** The honest host, who passes every check. */
    Scenario honest() {
        return new Scenario("honest", "^passed", images.app, good(), standard());
    }

    /** Each verification of this kind switched off, and the attack that then passes. */
    static List<Mutant> mutants() {
        String verifier = "images.statement.StatementVerifier#";
        String trust = "images.statement.TrustPolicy#";
        return List.of(
                new Mutant("unsigned", verifier + "checkSigners"),
                new Mutant("signed-by-a-stranger", verifier + "checkSigners"),
                new Mutant("below-the-threshold", verifier + "checkSigners"),
                new Mutant("payload-changed-after-signing", verifier + "checkSigners"),
                new Mutant("another-payload-type", verifier + "checkPayloadType"),
                new Mutant("signed-by-a-revoked-key", trust + "isRevoked"),
                new Mutant("revoked-statement", trust + "checkRevoked"),
                new Mutant("expired", trust + "checkValidity"),
                new Mutant("another-image", trust + "checkImage+" + trust + "checkVersion"),
                new Mutant("older-version", trust + "checkVersion"),
                new Mutant("another-salt", "images.statement.StatementPayload#expect"),
                new Mutant("another-hash-algorithm", "images.statement.StatementPayload#expect"),
                new Mutant("a-restriction-that-is-not-known", "images.json.JsonObject#refuseUnknown"),
                new Mutant("a-policy-that-is-not-understood", "images.json.JsonObject#refuseUnknown"),
                new Mutant("tree-within-the-data", "images.statement.ImageStatement#require"),
                new Mutant("preload-in-the-configuration", "guest.ImageProof#checkConfig"),
                new Mutant("another-command", "guest.Requests#checkCommand"),
                new Mutant("another-variable", "guest.Requests#checkSettings"),
                new Mutant("input-for-the-command", "guest.Requests#checkInput"),
                new Mutant("a-container-that-waits-for-requests", "guest.Requests#require"),
                new Mutant("integrity-off", "guest.Requests#checkIntegrity"),
                new Mutant("longer-device", "guest.ImageProof#checkSize"),
                new Mutant("shorter-device", "guest.ImageProof#checkSize"),
                new Mutant("larger-blocks", "guest.ImageProof#checkBlockSize"),
                new Mutant("host-supplied-upper", "guest.ImageProof#checkOtherDisks"),
                new Mutant("scratch-that-the-statement-does-not-allow", "guest.ImageProof#checkScratch"),
                new Mutant("scratch-under-the-confidential-profile", "guest.ImageProof#checkScratch"),
                new Mutant("root-hash-written-twice", "images.json.JsonParser#checkNew"),
                new Mutant("two-payloads-in-the-envelope", "images.json.JsonParser#checkNew"),
                new Mutant("second-disk-of-the-name", "guest.SystemDevices#checkOnlyOne"),
                new Mutant("another-protocol-version", "guest.Session#checkHello"));
    }

    private byte[] good() {
        return signers.signed(images.app.statement(), signers.release);
    }

    private byte[] standard() {
        return signers.policy(1, signers.release).write();
    }

    private Scenario add(String name, String expected, byte[] envelope, byte[] policy) {
        Scenario scenario = new Scenario(name, expected, images.app, envelope, policy);
        all.add(scenario);
        return scenario;
    }

    private Scenario add(String name, String expected, byte[] envelope) {
        return add(name, expected, envelope, standard());
    }

    private void statements() {
        ImageStatement statement = images.app.statement();
        String signature = "refused statement-signature: expected valid signatures of ";
        add("unsigned", signature + "1 of 1 .* found those of 0, among 0", StatementSigner.unsigned(statement));
        add("signed-by-a-stranger", signature + "1 of 1", signers.signed(statement, signers.stranger));
        byte[] two = signers.policy(2, signers.release, signers.second).write();
        add("below-the-threshold", signature + "2 of 2 .* those of 1, among 1", good(), two);
        add(
                "one-key-signing-twice",
                signature + "2 of 2 .* those of 1, among 2",
                signers.signed(statement, signers.release, signers.release),
                two);
        add(
                "signed-by-a-revoked-key",
                signature + "1 of 1",
                signers.signed(statement, signers.second),
                signers.policy(1, Signers.revoked(signers.second), signers.release, signers.second)
                        .write());
        add(
                "revoked-statement",
                "refused statement-revoked",
                good(),
                signers.policy(1, Signers.revoked(statement), signers.release).write());
        Instant past = Instant.parse("2020-01-01T00:00:00Z");
        Instant future = Instant.parse("2120-01-01T00:00:00Z");
        add("expired", "refused statement-validity", validFor(new Validity(Optional.empty(), Optional.of(past))));
        add(
                "not-yet-valid",
                "refused statement-validity",
                validFor(new Validity(Optional.of(future), Optional.empty())));
        add("truncated", "refused statement-envelope", Arrays.copyOf(good(), good().length / 2));
        String text = new String(good(), StandardCharsets.UTF_8);
        add(
                "two-payloads-in-the-envelope",
                "refused statement-envelope: .*Duplicate",
                bytes(text.replace("{\"payload\":", "{\"payload\":\"AAAA\",\"payload\":")));
        add(
                "deeply-nested-envelope",
                "refused statement-envelope: .*depth",
                bytes("{\"signatures\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}"));
        byte[] changed = StatementPayload.write(images.readOnly.statement());
        add(
                "payload-changed-after-signing",
                signature,
                bytes(Signers.envelope(JSON, changed, new byte[64])),
                signers.policy(1, signers.release).write());
    }

    private byte[] validFor(Validity validity) {
        ImageStatement was = images.app.statement();
        return signers.signed(
                new ImageStatement(was.image(), was.contents(), was.verity(), was.upperLayer(), validity),
                signers.release);
    }

    /** Whatever a trusted key has signed by mistake or by force is still read strictly. */
    private void payloads() {
        String payload = new String(StatementPayload.write(images.app.statement()), StandardCharsets.UTF_8);
        add("another-payload-type", "refused statement-payload-type", signers.forged("text/plain", payload));
        add(
                "root-hash-written-twice",
                "refused statement-format: .*Duplicate",
                signers.forged(
                        JSON,
                        payload.replace("\"rootHash\":", "\"rootHash\":\"" + "0".repeat(64) + "\",\"rootHash\":")));
        add(
                "deeply-nested-payload",
                "refused statement-format: .*depth",
                signers.forged(JSON, "{\"_type\":" + "[".repeat(5000)));
        add(
                "a-restriction-that-is-not-known",
                "refused statement-format: .*unknown member",
                signers.forged(JSON, payload.replace("\"upperLayer\":", "\"onlyOnMondays\":true,\"upperLayer\":")));
        add(
                "another-salt",
                "refused statement-format: .*salt",
                signers.forged(JSON, payload.replace("\"salt\":\"00", "\"salt\":\"01")));
        add(
                "another-hash-algorithm",
                "refused statement-format: .*hashAlgorithm",
                signers.forged(JSON, payload.replace("\"hashAlgorithm\":\"sha256\"", "\"hashAlgorithm\":\"sha1\"")));
        add(
                "another-hash-format",
                "refused statement-format: .*hashType",
                signers.forged(JSON, payload.replace("\"hashType\":1", "\"hashType\":0")));
        add(
                "fewer-blocks-than-its-parts",
                "refused statement-content",
                signers.forged(JSON, payload.replaceFirst("\"dataBlocks\":[0-9]+", "\"dataBlocks\":128")));
        add(
                                "tree-within-the-data",
                                "refused statement-content: .*hashStartBlock",
                                signers.forged(
                                        JSON,
                                        payload.replaceFirst("\"hashStartBlock\":[0-9]+", "\"hashStartBlock\":1")))
                        .sizeBytes =
                shorterBy(images.app.statement());
        add(
                "an-upper-layer-that-is-not-known",
                "refused statement-format: .*upper layer",
                signers.forged(JSON, payload.replace("\"upperLayer\":\"memory\"", "\"upperLayer\":\"host\"")));
    }

    /** What the size of the device would be with its tree at block 1. */
    private static long shorterBy(ImageStatement statement) {
        ImageStatement.VerityTable verity = statement.verity();
        return verity.deviceSizeBytes() - (verity.hashStartBlock() - 1) * 4096;
    }

    private void images() {
        Scenario other = new Scenario(
                "another-image",
                "refused image-policy: expected registry.example/app .*, found registry.example/other",
                images.other,
                signers.signed(images.other.statement(), signers.release),
                standard());
        Scenario older = new Scenario(
                "older-version",
                "refused image-version: .* found registry.example/app of version 1",
                images.older,
                signers.signed(images.older.statement(), signers.release),
                standard());
        all.addAll(List.of(other, older));
    }

    private void configurations() {
        String config = new String(images.app.config(), StandardCharsets.UTF_8);
        configuration("preload-in-the-configuration", config.replace("PATH=/bin", "LD_PRELOAD=/data/evil.so"));
        configuration("another-entrypoint", config.replace("echo DONE", "echo EVIL"));
        configuration("another-user", config.replace("\"Env\"", "\"User\":\"1000\",\"Env\""));
        configuration("an-empty-configuration", "{}");
        add("another-command", "refused command: .* found /bin/evil", good(), confidential())
                .host(Scenario.talk(Scenario.hello(1), Scenario.started(images.app, good(), "/bin/evil")));
        asked("another-variable", "command", start -> start.addEnvironment("LD_PRELOAD=/data/evil.so"));
        asked("a-container-that-waits-for-requests", "exec", start -> start.setWait(true));
        asked("input-for-the-command", "console-input", start -> start.setInput(true));
    }

    /** Something asked for beside the image's own command, of a guest whose policy allows nothing of the kind. */
    private void asked(String name, String check, UnaryOperator<Start.Builder> change) {
        HostMessage honest = Scenario.started(images.app, good());
        HostMessage changed = honest.toBuilder()
                .setStart(change.apply(honest.getStart().toBuilder()))
                .build();
        add(name, "refused " + check + ": ", good(), confidential()).host(Scenario.talk(Scenario.hello(1), changed));
    }

    private void configuration(String name, String config) {
        add(name, "refused config-digest", good())
                .host(Scenario.talk(
                        Scenario.hello(1), Scenario.start(good(), bytes(config), Integrity.INTEGRITY_ROOT)));
    }

    private byte[] confidential() {
        return Signers.confidential(signers.policy(1, signers.release)).write();
    }

    private void policies() {
        add("no-policy", "refused policy: .* found none", good(), new byte[0]);
        String policy = new String(standard(), StandardCharsets.UTF_8);
        add(
                "a-policy-that-is-not-understood",
                "refused policy: .*unknown member",
                good(),
                bytes(policy.replace("\"allow\":", "\"denyOnSundays\":true,\"allow\":")));
        add(
                "a-policy-without-keys",
                "refused policy",
                good(),
                bytes(policy.replaceFirst("\"keys\":\\[[^]]*]", "\"keys\":[]")));
        add("integrity-off", "refused integrity: .* found off", good())
                .host(Scenario.talk(
                        Scenario.hello(1), Scenario.start(good(), images.app.config(), Integrity.INTEGRITY_OFF)));
        add("integrity-left-open", "refused integrity", good())
                .host(Scenario.talk(
                        Scenario.hello(1),
                        Scenario.start(good(), images.app.config(), Integrity.INTEGRITY_UNSPECIFIED)));
        add(
                        "integrity-off-under-the-confidential-profile",
                        "refused integrity",
                        good(),
                        Signers.confidential(signers.policy(1, signers.release))
                                .allowing(GuestPolicy.Permission.COMMAND)
                                .write())
                .host(Scenario.talk(
                        Scenario.hello(1), Scenario.start(good(), images.app.config(), Integrity.INTEGRITY_OFF)));
    }

    private void disks() {
        add("no-disk", "refused device-count: .* found 0", good()).serials = "another";
        add("second-disk-of-the-name", "refused device-count: .* found 2", good()).serials =
                "lamina-image,lamina-image";
        long size = images.app.device().length;
        add("longer-device", "refused device-size: .*, found " + (size + 4096), good()).sizeBytes = size + 4096;
        add("shorter-device", "refused device-size: .*, found " + (size - 4096), good()).sizeBytes = size - 4096;
        add("no-device-at-all-behind-the-name", "refused device-size: .*, found 0 ", good()).sizeBytes = 0;
        add("larger-blocks", "refused device-block-size: .* found 8192", good()).logicalBlockBytes = 8192;
        add("host-supplied-upper", "refused other-devices: .* found vdb", good(), confidential()).otherDisk = true;
        add(
                        "other-disk-beside-a-read-only-root",
                        "refused other-devices: .* found vdb",
                        signers.signed(images.readOnly.statement(), signers.release),
                        confidential())
                .otherDisk = true;
        String both = "lamina-image,lamina-scratch";
        add("scratch-that-the-statement-does-not-allow", "refused scratch: .* the statement allows memory", good())
                .serials = both;
        byte[] withScratch = signers.signed(images.scratch.statement(), signers.release);
        add(
                        "scratch-under-the-confidential-profile",
                        "refused scratch: .* this guest's policy does not allow it",
                        withScratch,
                        confidential())
                .serials = both;
        add("two-scratch-disks", "refused device-count: .* lamina-scratch, found 2", withScratch).serials =
                both + ",lamina-scratch";
    }

    private void talks() {
        HostMessage start = Scenario.started(images.app, good());
        add("start-before-hello", "^ended expected HostHello", good()).host(Scenario.talk(start, Scenario.hello(1)));
        add("hello-replayed", "^ended expected Start", good())
                .host(Scenario.talk(Scenario.hello(1), Scenario.hello(1), start));
        add("another-protocol-version", "^ended expected HostHello", good())
                .host(Scenario.talk(Scenario.hello(9), start));
        add("start-replayed-after-a-refusal", "^refused statement-signature[^|]*$", good())
                .host(Scenario.talk(
                        Scenario.hello(1),
                        Scenario.started(images.app, signers.signed(images.app.statement(), signers.stranger)),
                        start));
        add("statement-of-100-megabytes", "ended agent frame of 104857600 bytes; at most", good())
                .host(joined(Scenario.talk(Scenario.hello(1)), frame(100 << 20, new byte[1 << 20])));
        add("frame-of-4-gigabytes", "ended agent frame of 4294967295 bytes; at most", good())
                .host(joined(Scenario.talk(Scenario.hello(1)), frame(-1, new byte[16])));
        add("frame-cut-short", "ended agent stream ended inside a frame", good())
                .host(joined(Scenario.talk(Scenario.hello(1)), frame(1000, new byte[16])));
        add("frame-that-is-no-message", "ended agent frame of 16 bytes is no message", good())
                .host(joined(Scenario.talk(Scenario.hello(1)), frame(16, bytes("\u007f".repeat(16)))));
        add("a-request-that-the-protocol-does-not-have", "^ended expected Start", good())
                .host(joined(Scenario.talk(Scenario.hello(1)), frame(3, new byte[] {(byte) 0x9a, 0x01, 0x00})));
    }

    private static byte[] frame(int length, byte[] content) {
        return ByteBuffer.allocate(4 + content.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(length)
                .put(content)
                .array();
    }

    private static byte[] joined(byte[]... parts) {
        ByteBuffer all = ByteBuffer.allocate(
                Arrays.stream(parts).mapToInt(part -> part.length).sum());
        for (byte[] part : parts) {
            all.put(part);
        }
        return all.array();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
