package io.lamina.host.run;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.util.Optional;

/**
 * The bytes of one request: what goes into the guest, and the tar that comes out of it.
 *
 * @param input what the guest reads
 * @param output where its tar goes
 */
record Transfer(Optional<InputWindow> input, Optional<HostCopy> output) {
    static final Transfer NONE = new Transfer(Optional.empty(), Optional.empty());

    static Transfer into(InputWindow window) {
        return new Transfer(Optional.of(window), Optional.empty());
    }

    static Transfer outOf(HostCopy copy) {
        return new Transfer(Optional.empty(), Optional.of(copy));
    }

    /** Whether the guest has room for so much, which is taken then. */
    boolean mayTake(int bytes) {
        return input.isPresent() && input.get().tryTake(bytes);
    }

    void taken(int bytes) {
        input.ifPresent(window -> window.taken(bytes));
    }

    void tar(ByteString data) throws IOException {
        if (output.isEmpty()) {
            throw new IOException("the agent sent a tar that nobody has asked for");
        }
        output.get().take(data);
    }

    /** The guest has done its part; answers what failed on this side, or nothing. */
    String end() {
        String unsent = input.map(InputWindow::failure).orElse("");
        input.ifPresent(InputWindow::over);
        return unsent.isEmpty() ? output.map(HostCopy::end).orElse("") : unsent;
    }

    /** Nothing more will come. */
    void lost() {
        String _ = end();
    }
}
