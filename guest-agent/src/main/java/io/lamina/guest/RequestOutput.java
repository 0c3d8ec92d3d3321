package io.lamina.guest;

import com.google.protobuf.ByteString;
import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.agent.protocol.Output;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;

/** The tar that a request asks for, on its way to the host in pieces. */
final class RequestOutput extends OutputStream {
    private static final int PIECE_BYTES = 64 << 10;

    private final int id;
    private final MessageChannel<HostMessage, GuestMessage> channel;

    private RequestOutput(int id, MessageChannel<HostMessage, GuestMessage> channel) {
        this.id = id;
        this.channel = channel;
    }

    static OutputStream of(int id, MessageChannel<HostMessage, GuestMessage> channel) {
        return new BufferedOutputStream(new RequestOutput(id, channel), PIECE_BYTES);
    }

    @Override
    public void write(int value) throws IOException {
        write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int start, int length) throws IOException {
        for (int done = 0; done < length; done += PIECE_BYTES) {
            int count = Math.min(PIECE_BYTES, length - done);
            channel.send(GuestMessage.newBuilder()
                    .setOutput(Output.newBuilder()
                            .setId(id)
                            .setStream(Output.Stream.STREAM_TAR)
                            .setData(ByteString.copyFrom(bytes, start + done, count)))
                    .build());
        }
    }
}
