package io.lamina.host.registry;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpResponse;
import java.util.List;

/** What a server has answered: the head, and a body that is still to be read, or to be closed. */
final class Answer implements AutoCloseable {
    private static final int MAX_ERROR_BYTES = 64 << 10;

    private final HttpResponse<InputStream> response;
    private final InputStream body;

    /** @param body the response's, watched */
    Answer(HttpResponse<InputStream> response, InputStream body) {
        this.response = response;
        this.body = body;
    }

    int status() {
        return response.statusCode();
    }

    /** Where it came from, redirects followed. */
    URI uri() {
        return response.uri();
    }

    /** A header, or an empty string. */
    String header(String name) {
        return response.headers().firstValue(name).orElse("");
    }

    List<String> headers(String name) {
        return response.headers().allValues(name);
    }

    /** Length of the body as the head tells, or -1. */
    long lengthBytes() {
        String text = header("Content-Length");
        return text.matches("[0-9]{1,18}") ? Long.parseLong(text) : -1;
    }

    /** The body; ends with an {@link IOException} if the server says nothing for long. */
    InputStream body() {
        return body;
    }

    /**
     * All of the body.
     *
     * @param what names it in the refusal
     * @param mostBytes a longer one is refused, and so is a head that promises one
     */
    byte[] bytes(String what, int mostBytes) throws IOException {
        try (body) {
            long promised = lengthBytes();
            byte[] bytes = promised > mostBytes ? new byte[0] : body.readNBytes(mostBytes + 1);
            if (promised > mostBytes || bytes.length > mostBytes) {
                throw new CorruptImageException(
                        what,
                        "has " + (promised > mostBytes ? promised + " bytes" : "more") + ", at most " + mostBytes
                                + " are taken");
            }
            if (promised >= 0 && bytes.length != promised) {
                throw new IOException(what + ": ends after " + bytes.length + " of " + promised + " bytes");
            }
            return bytes;
        }
    }

    /** What a registry says of an error (distribution-spec v1.1.1, "Error Codes"), for a person; read in any case. */
    String complaint() {
        String status = "HTTP status " + response.statusCode();
        try (body) {
            byte[] said = body.readNBytes(MAX_ERROR_BYTES);
            JsonValue errors = JsonParser.parse("error", said).object().optional("errors");
            if (errors != null && !errors.array().isEmpty()) {
                JsonObject first = errors.array().getFirst().object();
                String message = first.string("message", "");
                return JsonValue.printable(
                        first.string("code", "") + (message.isEmpty() ? "" : ", " + message) + " (" + status + ")");
            }
            return status;
        } catch (IOException noSuchText) {
            return status;
        }
    }

    @Override
    public void close() throws IOException {
        body.close();
    }
}
