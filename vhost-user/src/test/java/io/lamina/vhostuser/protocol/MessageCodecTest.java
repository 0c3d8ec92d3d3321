package io.lamina.vhostuser.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.vhostuser.protocol.Request.InflightDescription;
import io.lamina.vhostuser.protocol.Request.RegionDescription;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MessageCodecTest {
    private static final byte[] NO_BYTES = {};

    private static final RegionDescription REGION = new RegionDescription(0x1000, 0x2000, 0x7f0000001000L, 0x3000);

    private static String hex(Request request, boolean needReply) {
        ByteBuffer out = MessageCodec.newBuffer();
        MessageCodec.encodeRequest(request, needReply, NO_BYTES, out);
        byte[] bytes = new byte[out.remaining()];
        out.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private static String hex(int code, Reply reply) {
        ByteBuffer out = MessageCodec.newBuffer();
        MessageCodec.encodeReply(code, reply, out);
        byte[] bytes = new byte[out.remaining()];
        out.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private static Request decode(String hex) throws VhostUserException {
        ByteBuffer buffer = MessageCodec.newBuffer();
        buffer.put(HexFormat.of().parseHex(hex)).flip();
        MessageCodec.Header header = MessageCodec.decodeHeader(buffer);
        assertEquals(buffer.limit() - MessageCodec.HEADER_BYTES, header.payloadBytes());
        return MessageCodec.decodeRequest(header.code(), buffer.position(MessageCodec.HEADER_BYTES));
    }

    /** Bytes as the specification lays them out, written by hand for a little-endian machine. */
    @Test
    void requestsHaveTheBytesOfTheSpecification() throws VhostUserException {
        List<Request> requests = List.of(
                new Request.GetFeatures(),
                new Request.SetFeatures(0x1_7000_1464L),
                new Request.SetMemTable(List.of(REGION)),
                new Request.SetVringNum(1, 256),
                new Request.SetVringAddr(2, new VringAddresses(true, 0x10, 0x20, 0x30, 0x40)),
                new Request.SetVringKick(3, false),
                new Request.SetVringCall(3, true),
                new Request.GetConfig(0, 4, 1),
                new Request.GetInflightFd(new InflightDescription(0, 0, 2, 128)),
                new Request.AddMemReg(REGION));
        String region = "0010000000000000" + "0020000000000000" + "0010000000" + "7f0000" + "0030000000000000";
        List<String> expected = List.of(
                "01000000" + "01000000" + "00000000",
                "02000000" + "01000000" + "08000000" + "6414007001000000",
                "05000000" + "01000000" + "28000000" + "0100000000000000" + region,
                "08000000" + "01000000" + "08000000" + "0100000000010000",
                "09000000" + "01000000" + "28000000" + "0200000001000000" + "1000000000000000" + "2000000000000000"
                        + "3000000000000000" + "4000000000000000",
                "0c000000" + "01000000" + "08000000" + "0301000000000000",
                "0d000000" + "01000000" + "08000000" + "0300000000000000",
                "18000000" + "01000000" + "10000000" + "00000000" + "04000000" + "01000000" + "00000000",
                "1f000000" + "01000000" + "18000000" + "0000000000000000" + "0000000000000000" + "0200" + "8000"
                        + "00000000",
                "25000000" + "01000000" + "28000000" + "0000000000000000" + region);
        for (int i = 0; i < requests.size(); i++) {
            assertEquals(
                    expected.get(i),
                    hex(requests.get(i), false),
                    requests.get(i).toString());
            assertEquals(requests.get(i), decode(expected.get(i)));
        }
        assertEquals("010000000900000000000000", hex(new Request.GetFeatures(), true), "need_reply is bit 3");
    }

    @Test
    void repliesCarryExactlyTheFlagsThatQemuCompares() {
        assertEquals("01000000" + "05000000" + "08000000" + "6414007001000000", hex(1, new Reply.U64(0x1_7000_1464L)));
        assertEquals("0b000000" + "05000000" + "08000000" + "0200000007000000", hex(11, new Reply.VringState(2, 7)));
        assertEquals(
                "18000000" + "05000000" + "0f000000" + "08000000" + "03000000" + "01000000" + "010203",
                hex(24, new Reply.Config(8, 1, ByteBuffer.wrap(new byte[] {1, 2, 3}))));
        assertEquals(
                "06000000" + "05000000" + "10000000" + "0010000000000000" + "0020000000000000",
                hex(6, new Reply.LogBase(0x1000, 0x2000)));
    }

    @Test
    void everyRequestSurvivesTheWayThere() throws VhostUserException {
        Random random = new Random(7);
        for (int i = 0; i < 1000; i++) {
            long a = random.nextLong();
            long b = random.nextLong();
            long index = random.nextInt(1 << 16);
            RegionDescription region = new RegionDescription(a, b, a ^ b, a + b);
            InflightDescription inflight = new InflightDescription(a, b, (int) index, (int) (b & 0xffff));
            List<Request> requests = List.of(
                    new Request.SetOwner(),
                    new Request.ResetOwner(),
                    new Request.SetFeatures(a),
                    new Request.SetProtocolFeatures(a),
                    new Request.GetProtocolFeatures(),
                    new Request.SetMemTable(List.of(region, region, region)),
                    new Request.SetLogBase(a, b),
                    new Request.SetLogFd(),
                    new Request.SetVringNum(index, a & 0xffff_ffffL),
                    new Request.SetVringBase(index, b & 0xffff_ffffL),
                    new Request.GetVringBase(index),
                    new Request.SetVringEnable(index, (a & 1) == 0),
                    new Request.SetVringErr((int) (index & 0xff), true),
                    new Request.GetQueueNum(),
                    new Request.GetMaxMemSlots(),
                    new Request.RemMemReg(region),
                    new Request.SetInflightFd(inflight),
                    new Request.ResetDevice(),
                    new Request.SetStatus(a),
                    new Request.GetStatus(),
                    new Request.SetBackendReqFd(),
                    new Request.IotlbMsg(),
                    new Request.Unknown(1000));
            for (Request request : requests) {
                assertEquals(request, decode(hex(request, false)), "seed 7, round " + i);
            }
        }
    }

    @Test
    void aPayloadOfAnyOtherLengthIsRefused() throws VhostUserException {
        for (int code = 0; code < 64; code++) {
            int accepted = 0;
            for (int length = 0; length <= 64; length++) {
                ByteBuffer payload = MessageCodec.newBuffer().limit(length);
                try {
                    if (!(MessageCodec.decodeRequest(code, payload) instanceof Request.Unknown)) {
                        accepted++;
                    }
                } catch (VhostUserException refused) {
                    assertTrue(refused.getMessage() != null
                            && !refused.getMessage().isEmpty());
                }
            }
            boolean free = code == RequestCode.SET_LOG_FD || code == RequestCode.IOTLB_MSG;
            assertTrue(accepted <= 1 || free, "request " + code + " accepts " + accepted + " lengths");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 3})
    void anyOtherVersionIsRefused(int version) {
        ByteBuffer header = MessageCodec.newBuffer().putInt(1).putInt(version).putInt(0);
        assertThrows(VhostUserException.class, () -> MessageCodec.decodeHeader(header));
    }

    @ParameterizedTest
    @CsvSource({"0, true", "4096, true", "4097, false", "-1, false", "-2147483648, false"})
    void thePayloadsLengthIsBounded(int length, boolean good) throws VhostUserException {
        ByteBuffer header = MessageCodec.newBuffer().putInt(1).putInt(1).putInt(length);
        if (good) {
            assertEquals(length, MessageCodec.decodeHeader(header).payloadBytes());
            assertFalse(MessageCodec.decodeHeader(header).needReply());
        } else {
            assertThrows(VhostUserException.class, () -> MessageCodec.decodeHeader(header));
        }
    }
}
