package io.lamina.host.containerd;

import com.google.protobuf.ByteString;
import io.lamina.images.oci.Digest;
import io.lamina.wire.content.ReadContentResponse;
import io.vertx.grpc.client.GrpcClientResponse;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Content that containerd sends, as a stream for one thread; at most a few messages are waiting. */
final class ContentInput extends InputStream {
    private static final long PATIENCE_SECONDS = 60;

    private final Digest digest;
    private final LinkedBlockingQueue<Piece> pieces = new LinkedBlockingQueue<>();
    private volatile @Nullable GrpcClientResponse<?, ReadContentResponse> response;
    private ByteString current = ByteString.EMPTY;
    private int at;
    private boolean ended;

    /** Bytes, the end, or a failure. */
    private record Piece(
            ByteString bytes, boolean last, @Nullable Throwable failure) {}

    ContentInput(Digest digest) {
        this.digest = digest;
    }

    void start(GrpcClientResponse<?, ReadContentResponse> answer) {
        response = answer;
        answer.handler(message -> pieces.add(new Piece(message.getData(), false, null)));
        answer.exceptionHandler(this::failed);
        answer.endHandler(_ -> pieces.add(
                answer.status() == null || answer.status() == GrpcStatus.OK
                        ? new Piece(ByteString.EMPTY, true, null)
                        : new Piece(ByteString.EMPTY, true, new IOException(answer.statusMessage()))));
        answer.fetch(1);
    }

    void failed(Throwable failure) {
        pieces.add(new Piece(ByteString.EMPTY, true, failure));
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, target.length);
        while (at == current.size()) {
            if (ended) {
                return -1;
            }
            next();
        }
        int count = Math.min(length, current.size() - at);
        current.substring(at, at + count).copyTo(target, offset);
        at += count;
        return count;
    }

    private void next() throws IOException {
        Piece piece;
        try {
            piece = pieces.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", interrupted);
        }
        if (piece == null) {
            throw new IOException("containerd sent nothing of " + digest + " for " + PATIENCE_SECONDS + " s");
        }
        if (piece.failure != null) {
            throw new IOException("containerd: content " + digest + ": " + piece.failure.getMessage(), piece.failure);
        }
        ended = piece.last;
        current = piece.bytes;
        at = 0;
        GrpcClientResponse<?, ReadContentResponse> answer = response;
        if (!ended && answer != null) {
            answer.fetch(1);
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }
}
