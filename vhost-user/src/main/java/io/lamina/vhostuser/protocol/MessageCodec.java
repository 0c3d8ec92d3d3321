package io.lamina.vhostuser.protocol;

import io.lamina.vhostuser.protocol.Request.InflightDescription;
import io.lamina.vhostuser.protocol.Request.RegionDescription;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The layout of every message, in one place: section "Message Specification" of vhost-user.rst.
 *
 * <pre>
 * message = header payload
 * header  = request u32, flags u32, size u32      size counts the payload's bytes
 * flags   = version (bits 0-1, always 1) | reply (bit 2) | need_reply (bit 3)
 * </pre>
 *
 * <p>Integers have the byte order of the machine.
 */
public final class MessageCodec {
    /** Bytes of a header. */
    public static final int HEADER_BYTES = 12;

    /** The longest payload that is accepted; the longest legal one is a memory table. */
    public static final int MAX_PAYLOAD_BYTES = 4096;

    private static final int VERSION_MASK = 0x3;
    private static final int VERSION = 1;
    private static final int REPLY = 1 << 2;
    private static final int NEED_REPLY = 1 << 3;

    private static final int U64_BYTES = 8;
    private static final int VRING_STATE_BYTES = 8;
    private static final int VRING_ADDRESSES_BYTES = 40;
    private static final int REGION_BYTES = 32;
    private static final int MEM_TABLE_HEADER_BYTES = 8;
    private static final int CONFIG_HEADER_BYTES = 12;
    private static final int LOG_BYTES = 16;

    /** The fields take 20 bytes; the C structure that everybody sends is padded to 24. */
    private static final int INFLIGHT_BYTES = 24;

    private static final long VRING_INDEX_MASK = 0xff;
    private static final long VRING_NO_FD = 0x100;
    private static final long VRING_LOGGED = 1;

    private MessageCodec() {}

    /** What every message starts with. */
    public record Header(int code, boolean reply, boolean needReply, int payloadBytes) {}

    /** An empty buffer for one message in the machine's byte order. */
    public static ByteBuffer newBuffer() {
        return ByteBuffer.allocate(HEADER_BYTES + MAX_PAYLOAD_BYTES).order(ByteOrder.nativeOrder());
    }

    /** Reads the header at the buffer's start. */
    public static Header decodeHeader(ByteBuffer message) throws VhostUserException {
        int code = message.getInt(0);
        int flags = message.getInt(4);
        int size = message.getInt(8);
        if ((flags & VERSION_MASK) != VERSION) {
            throw new VhostUserException("request " + code + ": version " + (flags & VERSION_MASK) + ", not 1");
        }
        if (size < 0 || size > MAX_PAYLOAD_BYTES) {
            throw new VhostUserException("request " + code + ": payload of " + Integer.toUnsignedLong(size)
                    + " bytes, at most " + MAX_PAYLOAD_BYTES + " are accepted");
        }
        return new Header(code, (flags & REPLY) != 0, (flags & NEED_REPLY) != 0, size);
    }

    /** Reads a request's payload from the buffer's position to its limit. */
    public static Request decodeRequest(int code, ByteBuffer payload) throws VhostUserException {
        return switch (code) {
            case RequestCode.GET_FEATURES -> empty(code, payload, new Request.GetFeatures());
            case RequestCode.SET_FEATURES -> new Request.SetFeatures(u64(code, payload));
            case RequestCode.SET_OWNER -> empty(code, payload, new Request.SetOwner());
            case RequestCode.RESET_OWNER -> empty(code, payload, new Request.ResetOwner());
            case RequestCode.SET_MEM_TABLE -> memTable(payload);
            case RequestCode.SET_LOG_BASE -> {
                expect(code, payload, LOG_BYTES);
                yield new Request.SetLogBase(payload.getLong(), payload.getLong());
            }
            case RequestCode.SET_LOG_FD -> new Request.SetLogFd();
            case RequestCode.SET_VRING_NUM -> {
                expect(code, payload, VRING_STATE_BYTES);
                yield new Request.SetVringNum(u32(payload), u32(payload));
            }
            case RequestCode.SET_VRING_ADDR -> vringAddresses(payload);
            case RequestCode.SET_VRING_BASE -> {
                expect(code, payload, VRING_STATE_BYTES);
                yield new Request.SetVringBase(u32(payload), u32(payload));
            }
            case RequestCode.GET_VRING_BASE -> {
                expect(code, payload, VRING_STATE_BYTES);
                yield new Request.GetVringBase(u32(payload));
            }
            case RequestCode.SET_VRING_KICK -> {
                long value = u64(code, payload);
                yield new Request.SetVringKick(vringIndex(value), hasFd(value));
            }
            case RequestCode.SET_VRING_CALL -> {
                long value = u64(code, payload);
                yield new Request.SetVringCall(vringIndex(value), hasFd(value));
            }
            case RequestCode.SET_VRING_ERR -> {
                long value = u64(code, payload);
                yield new Request.SetVringErr(vringIndex(value), hasFd(value));
            }
            case RequestCode.GET_PROTOCOL_FEATURES -> empty(code, payload, new Request.GetProtocolFeatures());
            case RequestCode.SET_PROTOCOL_FEATURES -> new Request.SetProtocolFeatures(u64(code, payload));
            case RequestCode.GET_QUEUE_NUM -> empty(code, payload, new Request.GetQueueNum());
            case RequestCode.SET_VRING_ENABLE -> {
                expect(code, payload, VRING_STATE_BYTES);
                yield new Request.SetVringEnable(u32(payload), payload.getInt() != 0);
            }
            case RequestCode.SET_BACKEND_REQ_FD -> empty(code, payload, new Request.SetBackendReqFd());
            case RequestCode.IOTLB_MSG -> new Request.IotlbMsg();
            case RequestCode.GET_CONFIG -> config(code, payload);
            case RequestCode.SET_CONFIG -> config(code, payload);
            case RequestCode.GET_INFLIGHT_FD -> new Request.GetInflightFd(inflight(code, payload));
            case RequestCode.SET_INFLIGHT_FD -> new Request.SetInflightFd(inflight(code, payload));
            case RequestCode.RESET_DEVICE -> empty(code, payload, new Request.ResetDevice());
            case RequestCode.GET_MAX_MEM_SLOTS -> empty(code, payload, new Request.GetMaxMemSlots());
            case RequestCode.ADD_MEM_REG -> new Request.AddMemReg(singleRegion(code, payload));
            case RequestCode.REM_MEM_REG -> new Request.RemMemReg(singleRegion(code, payload));
            case RequestCode.SET_STATUS -> new Request.SetStatus(u64(code, payload));
            case RequestCode.GET_STATUS -> empty(code, payload, new Request.GetStatus());
            default -> new Request.Unknown(code);
        };
    }

    /** Writes a whole request into the cleared buffer and flips it. */
    public static void encodeRequest(Request request, boolean needReply, byte[] configBytes, ByteBuffer out) {
        out.clear().position(HEADER_BYTES);
        int code = switch (request) {
            case Request.GetFeatures _ -> RequestCode.GET_FEATURES;
            case Request.SetFeatures(long features) -> with(out, RequestCode.SET_FEATURES, features);
            case Request.SetOwner _ -> RequestCode.SET_OWNER;
            case Request.ResetOwner _ -> RequestCode.RESET_OWNER;
            case Request.SetMemTable(List<RegionDescription> regions) -> {
                out.putInt(regions.size()).putInt(0);
                regions.forEach(region -> putRegion(out, region));
                yield RequestCode.SET_MEM_TABLE;
            }
            case Request.SetLogBase(long size, long offset) ->
                with(out.putLong(size), RequestCode.SET_LOG_BASE, offset);
            case Request.SetLogFd _ -> RequestCode.SET_LOG_FD;
            case Request.SetVringNum(long index, long num) -> withState(out, RequestCode.SET_VRING_NUM, index, num);
            case Request.SetVringAddr(long index, VringAddresses ring) -> {
                out.putInt((int) index).putInt(ring.logged() ? (int) VRING_LOGGED : 0);
                out.putLong(ring.descriptor()).putLong(ring.used());
                out.putLong(ring.available()).putLong(ring.log());
                yield RequestCode.SET_VRING_ADDR;
            }
            case Request.SetVringBase(long index, long num) -> withState(out, RequestCode.SET_VRING_BASE, index, num);
            case Request.GetVringBase(long index) -> withState(out, RequestCode.GET_VRING_BASE, index, 0);
            case Request.SetVringKick(int index, boolean fd) ->
                with(out, RequestCode.SET_VRING_KICK, vringFd(index, fd));
            case Request.SetVringCall(int index, boolean fd) ->
                with(out, RequestCode.SET_VRING_CALL, vringFd(index, fd));
            case Request.SetVringErr(int index, boolean fd) -> with(out, RequestCode.SET_VRING_ERR, vringFd(index, fd));
            case Request.GetProtocolFeatures _ -> RequestCode.GET_PROTOCOL_FEATURES;
            case Request.SetProtocolFeatures(long features) -> with(out, RequestCode.SET_PROTOCOL_FEATURES, features);
            case Request.GetQueueNum _ -> RequestCode.GET_QUEUE_NUM;
            case Request.SetVringEnable(long index, boolean enable) ->
                withState(out, RequestCode.SET_VRING_ENABLE, index, enable ? 1 : 0);
            case Request.SetBackendReqFd _ -> RequestCode.SET_BACKEND_REQ_FD;
            case Request.IotlbMsg _ -> RequestCode.IOTLB_MSG;
            case Request.GetConfig(long offset, long size, long flags) -> {
                putConfigHeader(out, offset, size, flags);
                out.put(new byte[(int) size]);
                yield RequestCode.GET_CONFIG;
            }
            case Request.SetConfig(long offset, long size, long flags) -> {
                putConfigHeader(out, offset, size, flags);
                out.put(configBytes);
                yield RequestCode.SET_CONFIG;
            }
            case Request.GetInflightFd(InflightDescription description) -> {
                putInflight(out, description);
                yield RequestCode.GET_INFLIGHT_FD;
            }
            case Request.SetInflightFd(InflightDescription description) -> {
                putInflight(out, description);
                yield RequestCode.SET_INFLIGHT_FD;
            }
            case Request.ResetDevice _ -> RequestCode.RESET_DEVICE;
            case Request.GetMaxMemSlots _ -> RequestCode.GET_MAX_MEM_SLOTS;
            case Request.AddMemReg(RegionDescription region) -> {
                putRegion(out.putLong(0), region);
                yield RequestCode.ADD_MEM_REG;
            }
            case Request.RemMemReg(RegionDescription region) -> {
                putRegion(out.putLong(0), region);
                yield RequestCode.REM_MEM_REG;
            }
            case Request.SetStatus(long status) -> with(out, RequestCode.SET_STATUS, status);
            case Request.GetStatus _ -> RequestCode.GET_STATUS;
            case Request.Unknown(int unknown) -> unknown;
        };
        finish(out, code, needReply ? NEED_REPLY : 0);
    }

    /** Writes the whole answer to request {@code code} into the cleared buffer and flips it; its flags are exactly 0x5. */
    public static void encodeReply(int code, Reply reply, ByteBuffer out) {
        out.clear().position(HEADER_BYTES);
        switch (reply) {
            case Reply.U64(long value) -> out.putLong(value);
            case Reply.VringState(int index, long num) -> out.putInt(index).putInt((int) num);
            case Reply.Config(long offset, long flags, ByteBuffer bytes) -> {
                putConfigHeader(out, offset, bytes.remaining(), flags);
                out.put(bytes.duplicate());
            }
            case Reply.Inflight inflight -> putInflight(out, inflight.description());
            case Reply.LogBase(long size, long offset) -> out.putLong(size).putLong(offset);
        }
        finish(out, code, REPLY);
    }

    /** Reads the payload of a reply that is one number. */
    public static long decodeU64(ByteBuffer payload) throws VhostUserException {
        if (payload.remaining() != U64_BYTES) {
            throw new VhostUserException("reply of " + payload.remaining() + " bytes, expected " + U64_BYTES);
        }
        return payload.getLong();
    }

    /** Reads the payload of the reply to {@code GET_VRING_BASE}. */
    public static Reply.VringState decodeVringState(ByteBuffer payload) throws VhostUserException {
        expect(RequestCode.GET_VRING_BASE, payload, VRING_STATE_BYTES);
        return new Reply.VringState(payload.getInt(), u32(payload));
    }

    /** Reads the payload of the reply to {@code GET_CONFIG}. */
    public static Reply.Config decodeConfig(ByteBuffer payload) throws VhostUserException {
        if (payload.remaining() < CONFIG_HEADER_BYTES) {
            throw new VhostUserException("GET_CONFIG was refused");
        }
        long offset = u32(payload);
        long size = u32(payload);
        long flags = u32(payload);
        if (size != payload.remaining()) {
            throw new VhostUserException("reply to GET_CONFIG says " + size + " bytes and has " + payload.remaining());
        }
        byte[] bytes = new byte[payload.remaining()];
        payload.get(bytes);
        return new Reply.Config(offset, flags, ByteBuffer.wrap(bytes));
    }

    /** Reads the payload of the reply to {@code GET_INFLIGHT_FD}. */
    public static InflightDescription decodeInflight(ByteBuffer payload) throws VhostUserException {
        return inflight(RequestCode.GET_INFLIGHT_FD, payload);
    }

    private static Request memTable(ByteBuffer payload) throws VhostUserException {
        if (payload.remaining() < MEM_TABLE_HEADER_BYTES) {
            throw new VhostUserException("SET_MEM_TABLE: payload of " + payload.remaining() + " bytes");
        }
        long count = u32(payload);
        payload.getInt();
        if (count * REGION_BYTES != payload.remaining()) {
            throw new VhostUserException("SET_MEM_TABLE: " + count + " regions in " + payload.remaining() + " bytes");
        }
        List<RegionDescription> regions = new ArrayList<>();
        while (payload.hasRemaining()) {
            regions.add(region(payload));
        }
        return new Request.SetMemTable(regions);
    }

    private static Request vringAddresses(ByteBuffer payload) throws VhostUserException {
        expect(RequestCode.SET_VRING_ADDR, payload, VRING_ADDRESSES_BYTES);
        long index = u32(payload);
        boolean logged = (u32(payload) & VRING_LOGGED) != 0;
        return new Request.SetVringAddr(
                index,
                new VringAddresses(logged, payload.getLong(), payload.getLong(), payload.getLong(), payload.getLong()));
    }

    private static Request config(int code, ByteBuffer payload) throws VhostUserException {
        if (payload.remaining() < CONFIG_HEADER_BYTES) {
            throw new VhostUserException("request " + code + ": payload of " + payload.remaining() + " bytes");
        }
        long offset = u32(payload);
        long size = u32(payload);
        long flags = u32(payload);
        if (size != payload.remaining()) {
            throw new VhostUserException(
                    "request " + code + ": size " + size + ", but " + payload.remaining() + " bytes follow");
        }
        return code == RequestCode.GET_CONFIG
                ? new Request.GetConfig(offset, size, flags)
                : new Request.SetConfig(offset, size, flags);
    }

    private static InflightDescription inflight(int code, ByteBuffer payload) throws VhostUserException {
        expect(code, payload, INFLIGHT_BYTES);
        return new InflightDescription(
                payload.getLong(),
                payload.getLong(),
                Short.toUnsignedInt(payload.getShort()),
                Short.toUnsignedInt(payload.getShort()));
    }

    private static RegionDescription singleRegion(int code, ByteBuffer payload) throws VhostUserException {
        expect(code, payload, U64_BYTES + REGION_BYTES);
        payload.getLong();
        return region(payload);
    }

    private static RegionDescription region(ByteBuffer payload) {
        return new RegionDescription(payload.getLong(), payload.getLong(), payload.getLong(), payload.getLong());
    }

    private static Request empty(int code, ByteBuffer payload, Request request) throws VhostUserException {
        expect(code, payload, 0);
        return request;
    }

    private static long u64(int code, ByteBuffer payload) throws VhostUserException {
        expect(code, payload, U64_BYTES);
        return payload.getLong();
    }

    private static long u32(ByteBuffer payload) {
        return Integer.toUnsignedLong(payload.getInt());
    }

    private static int vringIndex(long value) {
        return (int) (value & VRING_INDEX_MASK);
    }

    private static boolean hasFd(long value) {
        return (value & VRING_NO_FD) == 0;
    }

    private static long vringFd(int index, boolean hasFd) {
        return index | (hasFd ? 0 : VRING_NO_FD);
    }

    private static void expect(int code, ByteBuffer payload, int bytes) throws VhostUserException {
        if (payload.remaining() != bytes) {
            throw new VhostUserException(
                    "request " + code + ": payload of " + payload.remaining() + " bytes, expected " + bytes);
        }
    }

    private static int with(ByteBuffer out, int code, long value) {
        out.putLong(value);
        return code;
    }

    private static int withState(ByteBuffer out, int code, long index, long num) {
        out.putInt((int) index).putInt((int) num);
        return code;
    }

    private static void putRegion(ByteBuffer out, RegionDescription region) {
        out.putLong(region.guestAddress()).putLong(region.sizeBytes());
        out.putLong(region.userAddress()).putLong(region.mmapOffsetBytes());
    }

    private static void putConfigHeader(ByteBuffer out, long offset, long sizeBytes, long flags) {
        out.putInt((int) offset).putInt((int) sizeBytes).putInt((int) flags);
    }

    private static void putInflight(ByteBuffer out, InflightDescription description) {
        out.putLong(description.mmapSizeBytes()).putLong(description.mmapOffsetBytes());
        out.putShort((short) description.queues()).putShort((short) description.queueSize());
        out.putInt(0);
    }

    private static void finish(ByteBuffer out, int code, int flags) {
        out.putInt(0, code).putInt(4, VERSION | flags).putInt(8, out.position() - HEADER_BYTES);
        out.flip();
    }
}
