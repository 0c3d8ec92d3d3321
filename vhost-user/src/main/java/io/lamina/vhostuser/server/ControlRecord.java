package io.lamina.vhostuser.server;

import io.lamina.linux.UnixSocket.PeerCredentials;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.HashTree;
import io.lamina.vhostuser.block.IoCounts;
import io.lamina.vhostuser.block.VerifyOnRead;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * What parent and data plane say to each other, one record after another on a stream socket. Integers are little endian.
 *
 * <pre>
 * record    = magic u32 ("LDP1"), type u32, tag u32, size u32, payload of size bytes
 * ADD_FILE  = fileId u32                                                + the file
 * DROP_FILE = fileId u32
 * SERVE     = deviceId u32, flags u32, peerUid u32, queues u32,
 *             blockSize u32, runs u32, size u64, serial u8[20], 0 u32,
 *             runs × {start u64, length u64, fileOffset u64, fileId u32, 0 u32},
 *             with flag 8 or 16: dataBlocks u64, dataBlockSize u32, 0 u32, rootHash u8[32]   + the socket
 * REMOVE    = deviceId u32
 * STOP      =
 * COUNT     =
 * OK        =                                      answers the command with the same tag
 * COUNTED   = reads u64, readBytes u64, writes u64, writtenBytes u64, errors u64   answers COUNT
 * FAILED    = text in UTF-8                        answers the command with the same tag
 * CONNECTED = deviceId u32, pid u32, uid u32, gid u32   tag 0
 * ENDED     = deviceId u32, text in UTF-8          tag 0
 * WRONG     = deviceId u32, 0 u32, start u64, count u64   tag 0
 * </pre>
 */
sealed interface ControlRecord {
    int HEADER_BYTES = 16;

    /** Room for the runs of an image with thousands of layers. */
    int MAX_PAYLOAD_BYTES = 1 << 20;

    /** "LDP1": the version is a part of it. */
    int MAGIC = 0x3150_444c;

    int FLAG_LISTENING = 1;
    int FLAG_UNSEALED = 2;
    int FLAG_WRITABLE = 4;
    int FLAG_VERIFY_ONCE = 8;
    int FLAG_VERIFY_ALWAYS = 16;
    int SERIAL_BYTES = 20;
    int RUN_BYTES = 32;
    int SERVE_FIXED_BYTES = 56;
    int VERIFY_BYTES = 48;
    int CONNECTED_BYTES = 16;
    int WRONG_BYTES = 24;
    int COUNTED_BYTES = 40;

    int ADD_FILE = 1;
    int DROP_FILE = 2;
    int SERVE = 3;
    int REMOVE = 4;
    int STOP = 5;
    int COUNT = 6;
    int OK = 0x81;
    int FAILED = 0x82;
    int COUNTED = 0x83;
    int CONNECTED = 0x91;
    int ENDED = 0x92;
    int WRONG = 0x93;

    record AddFile(int fileId) implements ControlRecord {}

    record DropFile(int fileId) implements ControlRecord {}

    /** {@code listening} says what the socket beside it is: one that listens, or one that is connected. */
    record Serve(int deviceId, boolean listening, int peerUid, DeviceSpec device) implements ControlRecord {}

    record Remove(int deviceId) implements ControlRecord {}

    record Stop() implements ControlRecord {}

    /** What has been done on all devices so far? */
    record Count() implements ControlRecord {}

    record Counted(IoCounts.Sums sums) implements ControlRecord {}

    record Ok() implements ControlRecord {}

    record Failed(String why) implements ControlRecord {}

    record Connected(int deviceId, PeerCredentials peer) implements ControlRecord {}

    record Ended(int deviceId, String why) implements ControlRecord {}

    /** A read of the block at {@code startBytes} has failed, since it is not the one that its hash proves. */
    record Wrong(int deviceId, long startBytes, long count) implements ControlRecord {}

    /** A record of a type that this version does not have. */
    record Unknown(int type) implements ControlRecord {}

    /** Type, tag and payload length at the start of a record. */
    record Header(int type, int tag, int payloadBytes) {}

    /** The peer sent what is no record of this version. */
    final class MalformedException extends IOException {
        private static final long serialVersionUID = 1L;

        MalformedException(String message) {
            super(message);
        }
    }

    /** Reads the header at the start of 16 bytes. */
    static Header decodeHeader(ByteBuffer bytes) throws MalformedException {
        bytes.order(ByteOrder.LITTLE_ENDIAN);
        int magic = bytes.getInt(0);
        int size = bytes.getInt(12);
        if (magic != MAGIC) {
            throw new MalformedException("control record with magic 0x" + Integer.toHexString(magic));
        }
        if (size < 0 || size > MAX_PAYLOAD_BYTES) {
            throw new MalformedException("control record of " + Integer.toUnsignedLong(size) + " bytes");
        }
        return new Header(bytes.getInt(4), bytes.getInt(8), size);
    }

    /** Reads the payload, all of the buffer. */
    static ControlRecord decode(int type, ByteBuffer payload) throws MalformedException {
        payload.order(ByteOrder.LITTLE_ENDIAN);
        return switch (type) {
            case ADD_FILE -> new AddFile(onlyInt(type, payload));
            case DROP_FILE -> new DropFile(onlyInt(type, payload));
            case SERVE -> serve(payload);
            case REMOVE -> new Remove(onlyInt(type, payload));
            case STOP -> new Stop();
            case COUNT -> new Count();
            case COUNTED -> {
                expect(type, payload, COUNTED_BYTES);
                yield new Counted(new IoCounts.Sums(
                        payload.getLong(), payload.getLong(), payload.getLong(), payload.getLong(), payload.getLong()));
            }
            case OK -> new Ok();
            case FAILED -> new Failed(text(payload));
            case CONNECTED -> {
                expect(type, payload, CONNECTED_BYTES);
                int deviceId = payload.getInt();
                yield new Connected(
                        deviceId, new PeerCredentials(payload.getInt(), payload.getInt(), payload.getInt()));
            }
            case ENDED -> {
                if (payload.remaining() < 4) {
                    throw new MalformedException("control record 0x92 of " + payload.remaining() + " bytes");
                }
                yield new Ended(payload.getInt(), text(payload));
            }
            case WRONG -> {
                expect(type, payload, WRONG_BYTES);
                yield new Wrong(payload.getInt(0), payload.getLong(8), payload.getLong(16));
            }
            default -> new Unknown(type);
        };
    }

    /** The whole record, ready to be sent. */
    static ByteBuffer encode(int tag, ControlRecord record) {
        return switch (record) {
            case AddFile(int fileId) -> start(ADD_FILE, tag, 4).putInt(fileId).flip();
            case DropFile(int fileId) -> start(DROP_FILE, tag, 4).putInt(fileId).flip();
            case Serve serve -> encodeServe(tag, serve);
            case Remove(int deviceId) -> start(REMOVE, tag, 4).putInt(deviceId).flip();
            case Stop() -> start(STOP, tag, 0).flip();
            case Count() -> start(COUNT, tag, 0).flip();
            case Counted(IoCounts.Sums sums) ->
                start(COUNTED, tag, COUNTED_BYTES)
                        .putLong(sums.reads())
                        .putLong(sums.readBytes())
                        .putLong(sums.writes())
                        .putLong(sums.writtenBytes())
                        .putLong(sums.errors())
                        .flip();
            case Ok() -> start(OK, tag, 0).flip();
            case Failed(String why) -> {
                byte[] text = why.getBytes(StandardCharsets.UTF_8);
                yield start(FAILED, tag, text.length).put(text).flip();
            }
            case Unknown(int type) -> start(type, tag, 0).flip();
            case Connected(int deviceId, PeerCredentials peer) ->
                start(CONNECTED, tag, CONNECTED_BYTES)
                        .putInt(deviceId)
                        .putInt(peer.pid())
                        .putInt(peer.uid())
                        .putInt(peer.gid())
                        .flip();
            case Ended(int deviceId, String why) -> {
                byte[] text = why.getBytes(StandardCharsets.UTF_8);
                yield start(ENDED, tag, 4 + text.length)
                        .putInt(deviceId)
                        .put(text)
                        .flip();
            }
            case Wrong(int deviceId, long startBytes, long count) ->
                start(WRONG, tag, WRONG_BYTES)
                        .putInt(deviceId)
                        .putInt(0)
                        .putLong(startBytes)
                        .putLong(count)
                        .flip();
        };
    }

    private static ByteBuffer start(int type, int tag, int payloadBytes) {
        if (payloadBytes > MAX_PAYLOAD_BYTES) {
            throw new IllegalArgumentException("control record of " + payloadBytes + " bytes");
        }
        return ByteBuffer.allocate(HEADER_BYTES + payloadBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(MAGIC)
                .putInt(type)
                .putInt(tag)
                .putInt(payloadBytes);
    }

    private static ByteBuffer encodeServe(int tag, Serve serve) {
        DeviceSpec device = serve.device();
        DeviceDescription description = device.description();
        byte[] serial = description.serial().getBytes(StandardCharsets.US_ASCII);
        int flags = (serve.listening() ? FLAG_LISTENING : 0)
                | (device.allowUnsealedMemory() ? FLAG_UNSEALED : 0)
                | (description.readOnly() ? 0 : FLAG_WRITABLE)
                | device.verify()
                        .map(how -> how.always() ? FLAG_VERIFY_ALWAYS : FLAG_VERIFY_ONCE)
                        .orElse(0);
        int verifyBytes = device.verify().isPresent() ? VERIFY_BYTES : 0;
        ByteBuffer out = start(SERVE, tag, SERVE_FIXED_BYTES + device.runs().size() * RUN_BYTES + verifyBytes);
        out.putInt(serve.deviceId()).putInt(flags).putInt(serve.peerUid()).putInt(device.queues());
        out.putInt(description.blockSizeBytes()).putInt(device.runs().size()).putLong(description.sizeBytes());
        out.put(serial).put(new byte[SERIAL_BYTES - serial.length]).putInt(0);
        for (DeviceSpec.Run run : device.runs()) {
            out.putLong(run.startBytes()).putLong(run.lengthBytes());
            out.putLong(run.fileOffsetBytes()).putInt(run.fileId()).putInt(0);
        }
        device.verify()
                .map(VerifyOnRead::tree)
                .ifPresent(tree -> out.putLong(tree.dataBlocks())
                        .putInt(tree.dataBlockSizeBytes())
                        .putInt(0)
                        .put(HexFormat.of().parseHex(tree.rootHash())));
        return out.flip();
    }

    private static Serve serve(ByteBuffer payload) throws MalformedException {
        if (payload.remaining() < SERVE_FIXED_BYTES) {
            throw new MalformedException("SERVE record of " + payload.remaining() + " bytes");
        }
        int deviceId = payload.getInt();
        int flags = payload.getInt();
        int peerUid = payload.getInt();
        int queues = payload.getInt();
        int blockSize = payload.getInt();
        long count = Integer.toUnsignedLong(payload.getInt());
        long size = payload.getLong();
        byte[] serial = new byte[SERIAL_BYTES];
        payload.get(serial);
        payload.getInt();
        int verify = flags & (FLAG_VERIFY_ONCE | FLAG_VERIFY_ALWAYS);
        int verifyBytes = verify == 0 ? 0 : VERIFY_BYTES;
        if (count * RUN_BYTES + verifyBytes != payload.remaining()) {
            throw new MalformedException("SERVE record with " + count + " runs in " + payload.remaining() + " bytes");
        }
        List<DeviceSpec.Run> runs = new ArrayList<>();
        while (payload.remaining() > verifyBytes) {
            long start = payload.getLong();
            long length = payload.getLong();
            long fileOffset = payload.getLong();
            runs.add(new DeviceSpec.Run(start, length, payload.getInt(), fileOffset));
            payload.getInt();
        }
        int end = SERIAL_BYTES;
        while (end > 0 && serial[end - 1] == 0) {
            end--;
        }
        DeviceSpec device;
        try {
            DeviceDescription description = new DeviceDescription(
                    size,
                    blockSize,
                    (flags & FLAG_WRITABLE) == 0,
                    new String(serial, 0, end, StandardCharsets.US_ASCII));
            device = new DeviceSpec(
                    description,
                    queues,
                    (flags & FLAG_UNSEALED) != 0,
                    runs,
                    verify == 0
                            ? Optional.empty()
                            : Optional.of(new VerifyOnRead(tree(payload), verify == FLAG_VERIFY_ALWAYS)));
        } catch (IllegalArgumentException wrong) {
            throw new MalformedException("SERVE record: " + wrong.getMessage());
        }
        return new Serve(deviceId, (flags & FLAG_LISTENING) != 0, peerUid, device);
    }

    private static HashTree tree(ByteBuffer payload) {
        long dataBlocks = payload.getLong();
        int dataBlockSizeBytes = payload.getInt();
        payload.getInt();
        byte[] rootHash = new byte[32];
        payload.get(rootHash);
        return new HashTree(dataBlockSizeBytes, dataBlocks, HexFormat.of().formatHex(rootHash));
    }

    private static int onlyInt(int type, ByteBuffer payload) throws MalformedException {
        expect(type, payload, 4);
        return payload.getInt();
    }

    private static void expect(int type, ByteBuffer payload, int bytes) throws MalformedException {
        if (payload.remaining() != bytes) {
            throw new MalformedException(
                    "control record of type " + type + " has " + payload.remaining() + " bytes, not " + bytes);
        }
    }

    private static String text(ByteBuffer payload) throws MalformedException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(payload).toString();
        } catch (CharacterCodingException notText) {
            throw new MalformedException("control record with a text that is not UTF-8");
        }
    }
}
