package io.lamina.guest;

import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.HostMessage.MessageCase;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.Start;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.GuestPolicy.Permission;

/**
 * The one place that decides which of its host's requests a guest follows. Each message that the protocol has is named here,
 * so that a new one does not compile before somebody has said which permission it takes. Today no message asks for a further
 * process, for files, for the container's changes, or brings input for the command, whose standard input is
 * {@code /dev/null}: {@link Permission#EXEC}, {@link Permission#COPY}, {@link Permission#COMMIT} and
 * {@link Permission#CONSOLE_INPUT} wait for theirs.
 */
final class Requests {
    private Requests() {}

    /**
     * Checks a request that the host makes of a guest that has greeted it.
     *
     * @throws RefusedException if the policy does not allow it, or the protocol does not have it
     */
    static void check(HostMessage request, GuestPolicy policy) throws RefusedException {
        switch (request.getMessageCase()) {
            case HELLO, POWER_OFF -> {}
            case START -> {
                checkIntegrity(request.getStart().getIntegrity(), policy);
                checkCommand(request.getStart(), policy);
            }
            case MESSAGE_NOT_SET ->
                throw new RefusedException(
                        "request", "a request that this guest's protocol has", MessageCase.MESSAGE_NOT_SET.name());
        }
    }

    private static void checkIntegrity(Integrity integrity, GuestPolicy policy) throws RefusedException {
        switch (integrity) {
            case INTEGRITY_ROOT, INTEGRITY_EAGER, INTEGRITY_DIFFID -> {}
            case INTEGRITY_OFF -> {
                if (!policy.allows(Permission.INTEGRITY_OFF)) {
                    throw new RefusedException(
                            "integrity", "dm-verity, since this guest's policy does not allow less", "off");
                }
            }
            case INTEGRITY_UNSPECIFIED, UNRECOGNIZED ->
                throw new RefusedException("integrity", "root, eager, diffid or off", integrity.name());
        }
    }

    private static void checkCommand(Start start, GuestPolicy policy) throws RefusedException {
        if (start.getCommandCount() > 0 && !policy.allows(Permission.COMMAND)) {
            throw new RefusedException(
                    "command",
                    "the image's own command, since this guest's policy allows no other",
                    start.getCommand(0).toStringUtf8());
        }
    }
}
