package io.lamina.host.registry;

import java.io.IOException;
import java.util.Optional;

/** Where credentials are looked up. */
@FunctionalInterface
public interface CredentialSource {
    /** Those for a registry's host, as {@link RemoteName#host} has it; empty where there are none. */
    Optional<Credentials> find(String host) throws IOException;
}
