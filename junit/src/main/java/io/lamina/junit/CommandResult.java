package io.lamina.junit;

/**
 * What a command in a machine has left.
 *
 * @param status its exit status, as a shell counts: 128 + N for signal N, 126 and 127 for one that cannot be run or found
 * @param stdout what it wrote, read as UTF-8
 * @param stderr as {@code stdout}
 */
public record CommandResult(int status, String stdout, String stderr) {
    /**
     * This result.
     *
     * @throws AssertionError with all of it, unless the status is 0
     */
    public CommandResult orFail() {
        if (status != 0) {
            throw new AssertionError("the command ended with " + this);
        }
        return this;
    }

    @Override
    public String toString() {
        return "status " + status + "\n--- stdout\n" + stdout + "--- stderr\n" + stderr;
    }
}
