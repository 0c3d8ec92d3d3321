package io.lamina.host.registry;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import javax.net.ssl.X509TrustManager;

/** Whose certificates count: Java's authorities, the system's, Docker's for a host, and those of the settings. */
final class Tls {
    private static final Path SYSTEM = Path.of("/etc/ssl/certs/ca-certificates.crt");
    private static final Path DOCKER = Path.of("/etc/docker/certs.d");

    private Tls() {}

    static SSLContext context(String host, RegistrySettings.Host settings) throws IOException {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(
                    null,
                    settings.skipVerify()
                            ? new TrustManager[] {new AnyCertificate()}
                            : authorities(host, settings.authority()),
                    null);
            return context;
        } catch (GeneralSecurityException failure) {
            throw new IOException("certificates for " + host + ": " + failure.getMessage(), failure);
        }
    }

    private static TrustManager[] authorities(String host, Optional<Path> named)
            throws GeneralSecurityException, IOException {
        KeyStore all = KeyStore.getInstance(KeyStore.getDefaultType());
        all.load(null, null);
        TrustManagerFactory java = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        java.init((KeyStore) null);
        List<Certificate> certificates = new ArrayList<>();
        for (TrustManager manager : java.getTrustManagers()) {
            if (manager instanceof X509TrustManager known) {
                certificates.addAll(Arrays.asList(known.getAcceptedIssuers()));
            }
        }
        String environment = System.getenv("SSL_CERT_FILE");
        for (Path file : files(environment == null ? SYSTEM : Path.of(environment), host)) {
            certificates.addAll(read(file));
        }
        if (named.isPresent()) {
            certificates.addAll(read(named.get()));
        }
        for (int i = 0; i < certificates.size(); i++) {
            all.setCertificateEntry("authority-" + i, certificates.get(i));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(all);
        return factory.getTrustManagers();
    }

    private static List<Path> files(Path system, String host) throws IOException {
        List<Path> files = new ArrayList<>();
        if (Files.isReadable(system)) {
            files.add(system);
        }
        Path own = DOCKER.resolve(host);
        if (Files.isDirectory(own)) {
            try (Stream<Path> entries = Files.list(own)) {
                entries.filter(file -> file.toString().endsWith(".crt"))
                        .sorted()
                        .forEach(files::add);
            }
        }
        return files;
    }

    private static List<Certificate> read(Path file) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
            return List.copyOf(CertificateFactory.getInstance("X.509").generateCertificates(in));
        } catch (GeneralSecurityException none) {
            throw new IOException(file + ": no certificates in PEM: " + none.getMessage(), none);
        }
    }

    /** Believes any certificate of any name; for a user who has said so. An extended manager's word on names is final. */
    private static final class AnyCertificate extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
