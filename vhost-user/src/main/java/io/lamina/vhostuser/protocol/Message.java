package io.lamina.vhostuser.protocol;

/**
 * A request with what came beside it. Closing the message closes each descriptor that nobody took.
 *
 * @param code the request's number on the wire, which its reply repeats
 * @param needReply the front-end waits for an acknowledgement
 */
public record Message(int code, Request request, boolean needReply, ReceivedFds fds) implements AutoCloseable {
    @Override
    public void close() {
        fds.close();
    }
}
