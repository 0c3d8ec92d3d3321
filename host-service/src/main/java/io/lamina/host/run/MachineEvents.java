package io.lamina.host.run;

import io.lamina.images.json.JsonWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a machine tells the program that owns it: a JSON object a line. Any thread tells. */
final class MachineEvents {
    private final OutputStream out;

    MachineEvents(OutputStream out) {
        this.out = out;
    }

    /**
     * Tells of something.
     *
     * @param id of the request that it belongs to; 0: none
     * @param members as {@link JsonWriter} takes them
     */
    void tell(String event, int id, Map<String, Object> members) throws IOException {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("event", event);
        if (id != 0) {
            all.put("id", (long) id);
        }
        all.putAll(members);
        byte[] line = JsonWriter.write(all);
        synchronized (out) {
            out.write(line);
            out.write('\n');
            out.flush();
        }
    }
}
