package io.lamina.images.statement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.GuestPolicy.MountOption;
import io.lamina.images.statement.GuestPolicy.OnCorruption;
import io.lamina.images.statement.GuestPolicy.Permission;
import io.lamina.images.statement.GuestPolicy.Profile;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class GuestPolicyTest {
    private static final TrustPolicy TRUST = new TrustPolicy(
            Statements.trust(SigningKey.generateEd25519(), SigningKey.generateEcdsaP256()),
            2,
            TrustPolicy.Revocations.NONE,
            List.of(new ImageRule(Optional.empty(), Optional.of(Statements.digest("manifest")), 3)));

    private static final GuestPolicy SAMPLE = new GuestPolicy(
            TRUST,
            Profile.CONFIDENTIAL,
            Set.of(Permission.CONSOLE_INPUT, Permission.COMMAND),
            OnCorruption.PANIC,
            Set.of(MountOption.NOSUID));

    @Test
    void whatIsWrittenIsReadAgain() throws Exception {
        assertEquals(SAMPLE, GuestPolicy.parse(SAMPLE.write()));
        GuestPolicy standard = GuestPolicy.standard(TRUST);
        assertEquals(standard, GuestPolicy.parse(standard.write()));
    }

    @Test
    void noProfileAllowsAMountWithoutProofAndTheConfidentialOneNothing() {
        GuestPolicy standard = GuestPolicy.standard(TRUST);
        for (Permission permission : Permission.values()) {
            assertEquals(permission != Permission.INTEGRITY_OFF, standard.allows(permission), permission.name());
            assertTrue(standard.allowing(permission).allows(permission));
        }
        assertTrue(SAMPLE.allows(Permission.COMMAND));
        assertFalse(SAMPLE.allows(Permission.EXEC));
        assertFalse(SAMPLE.allows(Permission.DEVICES));
    }

    @Test
    void whatIsNotUnderstoodIsRefused() {
        String good = new String(SAMPLE.write(), StandardCharsets.UTF_8);
        for (String bad : List.of(
                good.replace("\"version\":1}", "\"version\":2}"),
                good.replace("\"panic\"", "\"ignore\""),
                good.replace("\"nosuid\"", "\"suid\""),
                good.replace("\"console-input\"", "\"consoles\""),
                good.replace("\"profile\":", "\"profil\":"),
                good.replaceFirst("\"trust\":\\{", "\"trust\":{\"more\":1,"),
                "{\"version\":1}")) {
            assertThrows(
                    CorruptImageException.class, () -> GuestPolicy.parse(bad.getBytes(StandardCharsets.UTF_8)), bad);
        }
    }

    @Test
    void aManifestIsAdmittedOnlyByARuleThatNamesIt() throws Exception {
        TRUST.admitManifest(Statements.digest("manifest"));
        Digest other = Statements.digest("other");
        assertEquals(
                "manifest-digest",
                assertThrows(StatementRefusedException.class, () -> TRUST.admitManifest(other))
                        .check());
        TrustPolicy any = new TrustPolicy(TRUST.keys(), 1, TrustPolicy.Revocations.NONE, List.of(ImageRule.ANY));
        assertThrows(StatementRefusedException.class, () -> any.admitManifest(other));
    }

    @Test
    void changedPoliciesAreReadOrRefused() {
        Random random = new Random(0x90);
        byte[] good = SAMPLE.write();
        for (int round = 0; round < 2000; round++) {
            byte[] changed = good.clone();
            for (int i = 0; i <= random.nextInt(4); i++) {
                changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
            }
            try {
                assertTrue(GuestPolicy.parse(changed).trust().threshold() >= 1);
            } catch (CorruptImageException expected) {
                assertFalse(String.valueOf(expected.getMessage()).isEmpty());
            }
        }
    }
}
