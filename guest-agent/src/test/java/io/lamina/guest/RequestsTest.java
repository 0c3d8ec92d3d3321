package io.lamina.guest;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.Commit;
import io.lamina.agent.protocol.CopyIn;
import io.lamina.agent.protocol.CopyOut;
import io.lamina.agent.protocol.Exec;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.Input;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.Renew;
import io.lamina.agent.protocol.Request;
import io.lamina.agent.protocol.Resize;
import io.lamina.agent.protocol.Signal;
import io.lamina.agent.protocol.Start;
import io.lamina.agent.protocol.Terminal;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.GuestPolicy.OnCorruption;
import io.lamina.images.statement.GuestPolicy.Permission;
import io.lamina.images.statement.GuestPolicy.Profile;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.TrustedKeys;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Which request takes which permission. */
class RequestsTest {
    private static final TrustPolicy TRUST = new TrustPolicy(
            new TrustedKeys(List.of(SigningKey.generateEd25519().publicKey().orElseThrow())),
            1,
            TrustPolicy.Revocations.NONE,
            List.of(ImageRule.ANY));

    static Stream<Arguments> requests() {
        return Stream.of(
                Arguments.of(start().addEnvironment("A=b"), Permission.COMMAND),
                Arguments.of(start().setInput(true), Permission.CONSOLE_INPUT),
                Arguments.of(start().setTerminal(Terminal.getDefaultInstance()), Permission.CONSOLE_INPUT),
                Arguments.of(start().setWait(true), Permission.EXEC),
                Arguments.of(request().setExec(exec()), Permission.EXEC),
                Arguments.of(request().setRenew(Renew.getDefaultInstance()), Permission.EXEC),
                Arguments.of(request().setCopyIn(CopyIn.getDefaultInstance()), Permission.COPY),
                Arguments.of(request().setCopyOut(CopyOut.getDefaultInstance()), Permission.COPY),
                Arguments.of(request().setCommit(Commit.getDefaultInstance()), Permission.COMMIT),
                Arguments.of(Input.newBuilder(), Permission.CONSOLE_INPUT),
                Arguments.of(Signal.newBuilder(), Permission.CONSOLE_INPUT),
                Arguments.of(Resize.newBuilder(), Permission.CONSOLE_INPUT));
    }

    @ParameterizedTest
    @MethodSource("requests")
    void theConfidentialProfileDeniesItUnlessThePolicyAllowsIt(Object asked, Permission needed) {
        HostMessage message = message(asked);
        Set<Permission> others = EnumSet.complementOf(EnumSet.of(needed));
        RefusedException refused = assertThrows(
                RefusedException.class, () -> Requests.check(message, policy(Profile.CONFIDENTIAL, others)));
        assertEquals(needed.name().toLowerCase(Locale.ROOT).replace('_', '-'), refused.check());
        assertDoesNotThrow(() -> Requests.check(message, policy(Profile.CONFIDENTIAL, Set.of(needed))));
        assertDoesNotThrow(() -> Requests.check(message, policy(Profile.STANDARD, Set.of())));
    }

    @Test
    void whatTheProtocolDoesNotHaveIsRefused() {
        GuestPolicy policy = policy(Profile.STANDARD, Set.of());
        for (Object asked : List.of(
                request(),
                request().setExec(Exec.getDefaultInstance()),
                request().setExec(exec().addEnvironment("no variable")),
                request().setExec(exec().addEnvironment("=x")),
                start().addEnvironment("A\0=b"))) {
            assertThrows(RefusedException.class, () -> Requests.check(message(asked), policy), asked::toString);
        }
        assertThrows(RefusedException.class, () -> Requests.check(HostMessage.getDefaultInstance(), policy));
    }

    private static Start.Builder start() {
        return Start.newBuilder().setIntegrity(Integrity.INTEGRITY_ROOT);
    }

    private static Request.Builder request() {
        return Request.newBuilder().setId(1);
    }

    private static Exec.Builder exec() {
        return Exec.newBuilder().addCommand(ByteString.copyFromUtf8("sh"));
    }

    private static HostMessage message(Object asked) {
        HostMessage.Builder message = HostMessage.newBuilder();
        return switch (asked) {
            case Start.Builder start -> message.setStart(start).build();
            case Request.Builder request -> message.setRequest(request).build();
            case Input.Builder input -> message.setInput(input).build();
            case Signal.Builder signal -> message.setSignal(signal).build();
            case Resize.Builder resize -> message.setResize(resize).build();
            default -> throw new IllegalArgumentException(asked.toString());
        };
    }

    private static GuestPolicy policy(Profile profile, Set<Permission> allowed) {
        return new GuestPolicy(TRUST, profile, allowed, OnCorruption.ERROR, Set.of());
    }
}
