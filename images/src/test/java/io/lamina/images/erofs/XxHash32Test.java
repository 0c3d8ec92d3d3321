package io.lamina.images.erofs;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class XxHash32Test {
    @Test
    void hashesAsTheSpecificationsOwnVectors() {
        assertEquals(0x02CC5D05, XxHash32.hash(new byte[0], 0));
        assertEquals(0x550D7456, XxHash32.hash("a".getBytes(US_ASCII), 0));
        assertEquals(0x32D153FF, XxHash32.hash("abc".getBytes(US_ASCII), 0));
        assertEquals(0x63A14D5F, XxHash32.hash("abcdefghijklmnopqrstuvwxyz".getBytes(US_ASCII), 0));
    }

    @Test
    void filterBitsOfAccessControlListsAreTheKernels() {
        assertEquals(1 << 30, XattrFilter.bit(2, new byte[0]));
        assertEquals(1 << 21, XattrFilter.bit(3, new byte[0]));
    }
}
