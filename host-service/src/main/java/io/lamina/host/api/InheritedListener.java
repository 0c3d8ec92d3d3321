package io.lamina.host.api;

import io.lamina.linux.OwnedFd;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.vertx.core.impl.transports.EpollTransport;
import io.vertx.core.transport.Transport;
import java.net.SocketAddress;

/**
 * Vert.x's native transport, whose unix server socket is one that listens already: the service manager has made it and
 * keeps it through our restarts, and clients that connect meanwhile wait.
 */
final class InheritedListener implements Transport {
    private final Transport epoll = Transport.nativeTransport();
    private final OwnedFd listening;

    /** @param listening for the one server on a unix socket, which closes it */
    InheritedListener(OwnedFd listening) {
        this.listening = listening;
    }

    @Override
    public String name() {
        return epoll.name();
    }

    @Override
    public boolean available() {
        return epoll.available();
    }

    @Override
    public Throwable unavailabilityCause() {
        return epoll.unavailabilityCause();
    }

    @Override
    public io.vertx.core.spi.transport.Transport implementation() {
        return new Inherited();
    }

    private final class Inherited extends EpollTransport {
        @Override
        public ChannelFactory<? extends ServerChannel> serverChannelFactory(boolean domainSocket) {
            return domainSocket ? InheritedListener.this::channel : super.serverChannelFactory(false);
        }
    }

    private ServerChannel channel() {
        EpollServerDomainSocketChannel channel = new EpollServerDomainSocketChannel(listening.number(), true);
        channel.config().setAutoRead(false); // until there is somebody to take what is accepted
        channel.pipeline().addFirst(new Bound());
        return channel;
    }

    /** What is to be bound is bound. */
    private static final class Bound extends ChannelOutboundHandlerAdapter {
        @Override
        public void bind(ChannelHandlerContext context, SocketAddress address, ChannelPromise promise) {
            promise.setSuccess();
            context.channel().config().setAutoRead(true);
        }
    }
}
