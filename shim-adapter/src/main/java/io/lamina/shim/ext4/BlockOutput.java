package io.lamina.shim.ext4;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Takes blocks of metadata by their number. */
@FunctionalInterface
interface BlockOutput {
    /** Takes the rest of {@code content}, whole blocks, from {@code startBlock} on. */
    void put(long startBlock, ByteBuffer content) throws IOException;
}
