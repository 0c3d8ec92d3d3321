package io.lamina.vhostuser.server;

import io.lamina.linux.OwnedFd;
import io.lamina.vhostuser.memory.GuestMemory;
import io.lamina.vhostuser.memory.MemoryRegion;
import io.lamina.vhostuser.protocol.DescriptorSocket;
import io.lamina.vhostuser.protocol.Message;
import io.lamina.vhostuser.protocol.MessageCodec;
import io.lamina.vhostuser.protocol.MessageReader;
import io.lamina.vhostuser.protocol.ProtocolFeatures;
import io.lamina.vhostuser.protocol.Reply;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.Request.RegionDescription;
import io.lamina.vhostuser.protocol.VhostUserException;
import io.lamina.vhostuser.virtqueue.VirtioFeatures;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One connection of a front-end: the device's state as this front-end has set it up. Messages are carried out one after
 * another; one that has to wait for requests under way holds up the next, and nothing else.
 *
 * <p>A message that breaks a rule is refused: by its acknowledgement where the front-end asked for one, else by the end
 * of the connection, since the front-end would go on in a belief that is wrong.
 */
final class Session {
    private static final System.Logger LOG = System.getLogger(Session.class.getName());

    static final long PROTOCOL_FEATURES = ProtocolFeatures.MQ
            | ProtocolFeatures.LOG_SHMFD
            | ProtocolFeatures.REPLY_ACK
            | ProtocolFeatures.BACKEND_REQ
            | ProtocolFeatures.CONFIG
            | ProtocolFeatures.INFLIGHT_SHMFD
            | ProtocolFeatures.RESET_DEVICE
            | ProtocolFeatures.CONFIGURE_MEM_SLOTS
            | ProtocolFeatures.STATUS;

    /** Messages of one turn, so that a front-end that never stops talking does not keep others waiting. */
    private static final int TURN_MESSAGES = 32;

    /** Refusals of one connection that are worth a warning; who goes on is left to talk to itself. */
    private static final int LOUD_REFUSALS = 4;

    /** Dragonball counts a configuration offset from here, where a PCI device's begins. */
    private static final int CONFIG_WINDOW = 0x100;

    private final DeviceContext device;
    private final DescriptorSocket socket;
    private final MessageReader reader;
    private final Consumer<String> onEnd;
    private final ByteBuffer out = MessageCodec.newBuffer();
    private final GuestView guest;
    private final List<Ring> rings = new ArrayList<>();

    private EventLoop.@Nullable Watch watch;
    private long protocolFeatures;
    private long status;
    private int refusals;
    private boolean waiting;
    private boolean scheduled;
    private @Nullable String ended;

    /**
     * Held and not used: QEMU takes bit 33 (ACCESS_PLATFORM), which confidential guests need, only from a back-end
     * that takes this channel.
     */
    private @Nullable OwnedFd backendChannel;

    /**
     * Takes over a connected socket that does not block.
     *
     * @param onEnd told why the connection ended, when everything it held has been given up
     */
    Session(DeviceContext device, OwnedFd connected, Consumer<String> onEnd) {
        this.device = device;
        this.socket = new DescriptorSocket(connected, MessageCodec.HEADER_BYTES + MessageCodec.MAX_PAYLOAD_BYTES);
        this.reader = new MessageReader(socket);
        this.onEnd = onEnd;
        this.guest = new GuestView(device.served().allowUnsealedMemory(), new Unmapper(device.loop()));
        for (int index = 0; index < device.served().queues(); index++) {
            rings.add(new Ring(device, guest, index));
        }
    }

    /** Starts listening to the front-end. */
    void start() {
        try {
            watch = device.loop().watch(socket.fd(), this::receive);
            receive();
        } catch (IOException failure) {
            end(String.valueOf(failure.getMessage()));
        }
    }

    /** The connection is over, or on its way there. */
    boolean isEnding() {
        return ended != null;
    }

    /** Carries out what the front-end has sent. */
    void receive() {
        for (int left = TURN_MESSAGES; !waiting && ended == null; left--) {
            if (left == 0) {
                schedule();
                return;
            }
            try {
                Message message = reader.read();
                if (message == null) {
                    if (reader.atEnd()) {
                        end("the front-end closed the connection");
                    }
                    return;
                }
                handle(message);
            } catch (MessageReader.MalformedRequestException malformed) {
                refuse(malformed.header().code(), malformed.header().needReply(), malformed);
            } catch (IOException failure) {
                end(String.valueOf(failure.getMessage()));
            }
        }
    }

    /**
     * Ends the connection: waits for requests under way, gives up memory and descriptors, then reports. The front-end
     * sees the end when nothing writes into its memory any more: what it does next is to let another process, which
     * starts the requests under way again, have its rings.
     */
    void end(String why) {
        if (ended != null) {
            return;
        }
        ended = why;
        if (watch != null) {
            watch.cancel();
        }
        reader.close();
        keepBackendChannel(null);
        quiesceAll(() -> {
            socket.close();
            rings.forEach(Ring::reset);
            guest.close(() -> onEnd.accept(why));
        });
    }

    private void handle(Message message) throws IOException {
        try (message) {
            dispatch(message);
        } catch (IOException failure) {
            refuse(message.code(), message.needReply(), failure);
        }
    }

    private void dispatch(Message message) throws IOException {
        switch (message.request()) {
            case Request.GetFeatures _ -> reply(message, new Reply.U64(device.features()));
            case Request.SetFeatures(long accepted) -> {
                setFeatures(accepted);
                acknowledge(message);
            }
            case Request.GetProtocolFeatures _ -> reply(message, new Reply.U64(PROTOCOL_FEATURES));
            case Request.SetProtocolFeatures(long accepted) -> {
                protocolFeatures = accepted & PROTOCOL_FEATURES;
                acknowledge(message);
            }
            case Request.SetOwner _, Request.ResetOwner _ -> acknowledge(message);
            case Request.GetQueueNum _ -> reply(message, new Reply.U64(rings.size()));
            case Request.GetMaxMemSlots _ -> reply(message, new Reply.U64(GuestMemory.MAX_REGIONS));
            case Request.GetConfig(long offset, long size, long flags) ->
                reply(message, new Reply.Config(offset, flags, config(offset, size)));
            case Request.SetMemTable(List<RegionDescription> regions) -> setMemTable(message, regions);
            case Request.AddMemReg(RegionDescription region) -> {
                guest.add(guest.map(List.of(region), message.fds()));
                startReadyRings();
                acknowledge(message);
            }
            case Request.RemMemReg(RegionDescription region) -> removeRegion(message, region);
            case Request.SetVringNum(long index, long num) -> {
                ring(index).setSize(num);
                startReadyRings();
                acknowledge(message);
            }
            case Request.SetVringBase(long index, long num) -> {
                ring(index).setBase(num);
                startReadyRings();
                acknowledge(message);
            }
            case Request.SetVringAddr(long index, Request.VringAddresses addresses) -> {
                ring(index).setAddresses(addresses);
                startReadyRings();
                acknowledge(message);
            }
            case Request.SetVringKick(int index, boolean hasFd) -> {
                if (!hasFd) {
                    throw new VhostUserException("SET_VRING_KICK: ring " + index + " without a descriptor; rings"
                            + " that are polled for ever are not served");
                }
                ring(index).setKick(message.fds().take(0));
                startReadyRings();
                acknowledge(message);
            }
            case Request.SetVringCall(int index, boolean hasFd) -> {
                ring(index).setCall(hasFd ? message.fds().take(0) : null);
                acknowledge(message);
            }
            case Request.SetVringErr(int index, boolean hasFd) -> {
                ring(index).setErr(hasFd ? message.fds().take(0) : null);
                acknowledge(message);
            }
            case Request.SetVringEnable(long index, boolean enable) -> {
                ring(index).setEnabled(enable);
                acknowledge(message);
            }
            case Request.GetVringBase(long index) -> {
                Ring stopped = ring(index);
                defer(
                        message,
                        stopped::quiesce,
                        () -> reply(
                                message, new Reply.VringState((int) index, Integer.toUnsignedLong(stopped.stop()))));
            }
            case Request.ResetDevice _ -> reset(message);
            case Request.SetStatus(long given) -> {
                if (given == 0) {
                    reset(message);
                } else {
                    status = given;
                    acknowledge(message);
                }
            }
            case Request.GetStatus _ -> reply(message, new Reply.U64(status));
            case Request.SetBackendReqFd _ -> {
                keepBackendChannel(message.fds().take(0));
                acknowledge(message);
            }
            case Request.IotlbMsg _ ->
                throw new VhostUserException("IOTLB_MSG: a guest behind a virtual IOMMU is not served");
            case Request.SetConfig _ -> throw new VhostUserException("SET_CONFIG: nothing can be set");
            case Request.SetLogBase(long size, long offset) -> {
                guest.setLog(size, offset, message.fds());
                reply(message, new Reply.LogBase(size, offset));
            }
            case Request.SetLogFd _ -> acknowledge(message);
            case Request.GetInflightFd(Request.InflightDescription wanted) -> {
                Request.InflightDescription description = InflightRegion.describe(wanted);
                try (OwnedFd fd = InflightRegion.create(description)) {
                    reply(message, new Reply.Inflight(description, fd));
                }
            }
            case Request.SetInflightFd(Request.InflightDescription given) -> setInflight(message, given);
            case Request.Unknown(int code) -> throw new VhostUserException("request " + code + " is not known");
        }
    }

    private void setFeatures(long accepted) {
        guest.setFeatures(accepted & device.features());
        if ((guest.features() & VirtioFeatures.VHOST_PROTOCOL_FEATURES) == 0) {
            rings.forEach(ring -> ring.setEnabled(true));
        }
    }

    private void keepBackendChannel(@Nullable OwnedFd fd) {
        if (backendChannel != null) {
            backendChannel.close();
        }
        backendChannel = fd;
    }

    private ByteBuffer config(long offset, long size) {
        long from = offset >= CONFIG_WINDOW ? offset - CONFIG_WINDOW : offset;
        // The request brought as many bytes along as it asks for, so the size is bounded by that of a message.
        return device.config().read(from, (int) size);
    }

    private Ring ring(long index) throws VhostUserException {
        if (index >= rings.size()) {
            throw new VhostUserException("ring " + index + " of " + rings.size());
        }
        return rings.get((int) index);
    }

    private void startReadyRings() throws IOException {
        if (ended != null) {
            return;
        }
        for (Ring ring : rings) {
            ring.startIfReady();
        }
    }

    private void setMemTable(Message message, List<RegionDescription> regions) throws IOException {
        List<MemoryRegion> mapped = guest.map(regions, message.fds());
        defer(message, this::quiesceAll, () -> {
            guest.removeAll();
            try {
                guest.add(mapped);
            } finally {
                // Also when the new memory is refused: the old one is gone, and no ring must go on in it.
                restartRings();
            }
            startReadyRings();
            acknowledge(message);
        });
    }

    private void setInflight(Message message, Request.InflightDescription given) throws IOException {
        InflightRegion region = guest.mapInflight(given, message.fds());
        defer(message, this::quiesceAll, () -> {
            guest.setInflight(region);
            restartRings();
            acknowledge(message);
        });
    }

    private void removeRegion(Message message, RegionDescription region) {
        defer(message, this::quiesceAll, () -> {
            try {
                guest.remove(region);
            } finally {
                // Also when there is no such region: the rings wait to go on.
                restartRings();
            }
            acknowledge(message);
        });
    }

    /** After memory has changed: rings in operation go on in what there is now. */
    private void restartRings() throws IOException {
        for (Ring ring : rings) {
            ring.restart();
        }
    }

    private void reset(Message message) {
        defer(message, this::quiesceAll, () -> {
            rings.forEach(Ring::reset);
            status = 0;
            acknowledge(message);
        });
    }

    /** Calls back when no ring has a request under way. */
    private void quiesceAll(Runnable idle) {
        int[] left = {rings.size()};
        for (Ring ring : rings) {
            ring.quiesce(() -> {
                if (--left[0] == 0) {
                    idle.run();
                }
            });
        }
    }

    /** What may fail on behalf of a message. */
    @FunctionalInterface
    private interface Step {
        void run() throws IOException;
    }

    /**
     * Waits, without holding up the loop, and then carries the rest of a message out. The rest runs even when the
     * connection has ended meanwhile: what it owns has to be given up.
     */
    private void defer(Message message, Consumer<Runnable> wait, Step rest) {
        waiting = true;
        wait.accept(() -> {
            waiting = false;
            try {
                rest.run();
            } catch (IOException failure) {
                refuse(message.code(), message.needReply(), failure);
            }
            schedule();
        });
    }

    private void schedule() {
        if (!scheduled && ended == null) {
            scheduled = true;
            device.loop().execute(() -> {
                scheduled = false;
                receive();
            });
        }
    }

    private void refuse(int code, boolean needReply, IOException failure) {
        if (ended != null) {
            return;
        }
        refusals++;
        System.Logger.Level level = refusals <= LOUD_REFUSALS ? System.Logger.Level.WARNING : System.Logger.Level.DEBUG;
        LOG.log(level, "request {0} is refused: {1}", code, failure.getMessage());
        if (!needReply || (protocolFeatures & ProtocolFeatures.REPLY_ACK) == 0) {
            end(String.valueOf(failure.getMessage()));
            return;
        }
        try {
            send(code, Reply.FAILED);
        } catch (IOException unsent) {
            end(String.valueOf(unsent.getMessage()));
        }
    }

    private void acknowledge(Message message) throws IOException {
        if (message.needReply() && (protocolFeatures & ProtocolFeatures.REPLY_ACK) != 0) {
            reply(message, Reply.OK);
        }
    }

    private void reply(Message message, Reply reply) throws IOException {
        send(message.code(), reply);
    }

    private void send(int code, Reply reply) throws IOException {
        if (ended != null) {
            return;
        }
        MessageCodec.encodeReply(code, reply, out);
        List<OwnedFd> fds = reply instanceof Reply.Inflight inflight ? List.of(inflight.fd()) : List.of();
        socket.send(out, fds);
    }
}
