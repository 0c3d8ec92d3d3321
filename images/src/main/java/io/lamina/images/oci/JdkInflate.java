package io.lamina.images.oci;

import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** The JDK's zlib. */
final class JdkInflate implements Inflate {
    private final Inflater inflater = new Inflater(true);

    @Override
    public void reset() {
        inflater.reset();
    }

    @Override
    public void inflate(ByteBuffer input, ByteBuffer output) throws DataFormatException {
        inflater.setInput(input);
        inflater.inflate(output);
        if (inflater.needsDictionary()) {
            throw new DataFormatException("asks for a dictionary, which gzip does not have");
        }
    }

    @Override
    public boolean finished() {
        return inflater.finished();
    }

    @Override
    public void close() {
        inflater.end();
    }
}
