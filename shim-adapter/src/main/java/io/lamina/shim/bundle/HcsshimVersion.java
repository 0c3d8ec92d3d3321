package io.lamina.shim.bundle;

import io.lamina.images.CorruptImageException;

/**
 * A version of hcsshim, as far as its rules differ: before 0.12 it appended the request's layers to those of the spec, and
 * from 0.12 on it rejects both together.
 *
 * @param major the first number
 * @param minor the second number
 */
public record HcsshimVersion(int major, int minor) {
    /** The newest that was read. */
    public static final HcsshimVersion NEWEST = new HcsshimVersion(0, 15);

    /** Reads {@code 0.12}, {@code v0.12.3} and the like. */
    public static HcsshimVersion parse(String text) throws CorruptImageException {
        if (!text.matches("v?[0-9]{1,4}\\.[0-9]{1,4}([.-][0-9A-Za-z.-]{0,40})?")) {
            throw new CorruptImageException("hcsshim's version", "is no version such as 0.12.3");
        }
        String[] numbers = text.replace("v", "").split("[.-]", -1);
        return new HcsshimVersion(Integer.parseInt(numbers[0]), Integer.parseInt(numbers[1]));
    }

    /** Whether layers of spec and request are put together. */
    boolean appends() {
        return major == 0 && minor < 12;
    }
}
