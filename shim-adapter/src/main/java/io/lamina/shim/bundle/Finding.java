package io.lamina.shim.bundle;

import io.lamina.images.json.JsonValue;

/**
 * A rule that a bundle breaks, or a thing to know.
 *
 * @param rule what holds, and who says so
 * @param refused whether the runtime refuses the container for it
 * @param bundle what the bundle says
 * @param request what the request says
 */
public record Finding(String rule, boolean refused, String bundle, String request) {
    /** One line. */
    public String sentence() {
        return (refused ? "refused: " : "note: ") + rule + "; the bundle says " + JsonValue.printable(bundle)
                + ", the request " + JsonValue.printable(request);
    }
}
