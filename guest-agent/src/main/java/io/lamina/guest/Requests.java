package io.lamina.guest;

import io.lamina.agent.protocol.Exec;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.HostMessage.MessageCase;
import io.lamina.agent.protocol.Integrity;
import io.lamina.agent.protocol.Request;
import io.lamina.agent.protocol.Start;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.GuestPolicy.Permission;
import java.util.Locale;

/**
 * The one place that decides which of its host's requests a guest follows. Each message that the protocol has is named here,
 * so that a new one does not compile before somebody has said which permission it takes.
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
                checkSettings(request.getStart(), policy);
                checkInput(request.getStart(), policy);
                if (request.getStart().getWait()) {
                    require(Permission.EXEC, policy, "a container that waits for requests");
                }
            }
            case REQUEST -> checkRequest(request.getRequest(), policy);
            case INPUT -> checkMain(request.getInput().getId(), policy, "input");
            case SIGNAL -> checkMain(request.getSignal().getId(), policy, "a signal");
            case RESIZE -> checkMain(request.getResize().getId(), policy, "another terminal size");
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

    private static void checkSettings(Start start, GuestPolicy policy) throws RefusedException {
        for (String variable : start.getEnvironmentList()) {
            checkVariable(variable);
        }
        if (start.getEnvironmentCount() > 0) {
            require(Permission.COMMAND, policy, "the variable " + start.getEnvironment(0));
        }
    }

    private static void checkInput(Start start, GuestPolicy policy) throws RefusedException {
        if (start.getInput() || start.hasTerminal()) {
            require(Permission.CONSOLE_INPUT, policy, "input for the command");
        }
    }

    private static void checkRequest(Request request, GuestPolicy policy) throws RefusedException {
        switch (request.getKindCase()) {
            case EXEC -> {
                require(Permission.EXEC, policy, "a further process");
                checkExec(request.getExec());
            }
            case COPY_IN -> require(Permission.COPY, policy, "files into the container");
            case COPY_OUT -> require(Permission.COPY, policy, "files of the container");
            case COMMIT -> require(Permission.COMMIT, policy, "what the container has written");
            case RENEW -> require(Permission.EXEC, policy, "a new container");
            case KIND_NOT_SET ->
                throw new RefusedException(
                        "request",
                        "a request that this guest's protocol has",
                        request.getKindCase().name());
        }
    }

    private static void checkExec(Exec exec) throws RefusedException {
        if (exec.getCommandCount() == 0) {
            throw new RefusedException("exec", "a program to execute", "none");
        }
        for (String variable : exec.getEnvironmentList()) {
            checkVariable(variable);
        }
    }

    private static void checkVariable(String variable) throws RefusedException {
        if (variable.indexOf('=') <= 0 || variable.indexOf(0) >= 0) {
            throw new RefusedException("environment", "NAME=value", variable);
        }
    }

    /** What reaches the image's own command is its console; what reaches others was allowed when they were. */
    private static void checkMain(int id, GuestPolicy policy, String what) throws RefusedException {
        if (id == 0) {
            require(Permission.CONSOLE_INPUT, policy, what + " for the command");
        }
    }

    private static void require(Permission permission, GuestPolicy policy, String asked) throws RefusedException {
        if (!policy.allows(permission)) {
            String word = permission.name().toLowerCase(Locale.ROOT).replace('_', '-');
            throw new RefusedException(word, "nothing of the kind, since this guest's policy does not allow it", asked);
        }
    }
}
