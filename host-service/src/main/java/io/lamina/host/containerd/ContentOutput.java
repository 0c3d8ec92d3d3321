package io.lamina.host.containerd;

import com.google.protobuf.ByteString;
import io.lamina.images.oci.Digest;
import io.lamina.wire.content.WriteAction;
import io.lamina.wire.content.WriteContentRequest;
import io.lamina.wire.content.WriteContentResponse;
import io.vertx.grpc.client.GrpcClientRequest;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.io.OutputStream;
import java.security.MessageDigest;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Content on its way into containerd; each message waits for its answer. Nothing is there before {@link #commit}. */
final class ContentOutput extends OutputStream {
    private static final long PATIENCE_SECONDS = 60;
    private static final int PIECE_BYTES = 1 << 20;

    private final GrpcClientRequest<WriteContentRequest, WriteContentResponse> request;
    private final String ref;
    private final LinkedBlockingQueue<Answer> answers = new LinkedBlockingQueue<>();
    private final MessageDigest sha256 = Digest.sha256();
    private final byte[] piece = new byte[PIECE_BYTES];
    private int filled;
    private long sent;
    private boolean committed;

    /** A message's answer, or how the stream has ended. */
    private record Answer(@Nullable GrpcStatus ended, String message) {}

    ContentOutput(GrpcClientRequest<WriteContentRequest, WriteContentResponse> request, String ref) {
        this.request = request;
        this.ref = ref;
        request.response()
                .onSuccess(response -> {
                    response.handler(_ -> answers.add(new Answer(null, "")));
                    response.exceptionHandler(failure ->
                            answers.add(new Answer(GrpcStatus.UNKNOWN, String.valueOf(failure.getMessage()))));
                    response.endHandler(_ -> answers.add(new Answer(
                            response.status() == null ? GrpcStatus.UNKNOWN : response.status(),
                            String.valueOf(response.statusMessage()))));
                })
                .onFailure(
                        failure -> answers.add(new Answer(GrpcStatus.UNKNOWN, String.valueOf(failure.getMessage()))));
    }

    @Override
    public void write(int value) throws IOException {
        write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] source, int offset, int length) throws IOException {
        int done = 0;
        while (done < length) {
            int count = Math.min(length - done, piece.length - filled);
            System.arraycopy(source, offset + done, piece, filled, count);
            filled += count;
            done += count;
            if (filled == piece.length) {
                send();
            }
        }
    }

    private void send() throws IOException {
        sha256.update(piece, 0, filled);
        WriteContentRequest message = WriteContentRequest.newBuilder()
                .setAction(WriteAction.WRITE)
                .setRef(ref)
                .setOffset(sent)
                .setData(ByteString.copyFrom(piece, 0, filled))
                .build();
        sent += filled;
        filled = 0;
        Containerd.await(request.write(message));
        Answer answer = answer();
        if (answer.ended != null) {
            throw new IOException("containerd: writing content: " + answer.message);
        }
    }

    /** Bytes written so far. */
    long sizeBytes() {
        return sent + filled;
    }

    /** Makes the content be there, under its digest, which is answered; content that was there already is as good. */
    Digest commit(Map<String, String> labels) throws IOException {
        if (filled > 0) {
            send();
        }
        Digest digest = Digest.of(sha256.digest());
        Containerd.await(request.end(WriteContentRequest.newBuilder()
                .setAction(WriteAction.COMMIT)
                .setRef(ref)
                .setTotal(sent)
                .setOffset(sent)
                .setExpected(digest.toString())
                .putAllLabels(labels)
                .build()));
        Answer answer = answer();
        if (answer.ended != null && answer.ended != GrpcStatus.OK && answer.ended != GrpcStatus.ALREADY_EXISTS) {
            throw new IOException("containerd: committing content: " + answer.message);
        }
        committed = true;
        return digest;
    }

    private Answer answer() throws IOException {
        try {
            Answer answer = answers.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (answer == null) {
                throw new IOException("containerd did not answer within " + PATIENCE_SECONDS + " s");
            }
            return answer;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", interrupted);
        }
    }

    /** Ends the stream; what was not committed containerd forgets in time. */
    @Override
    public void close() {
        if (!committed) {
            request.cancel();
        }
    }
}
