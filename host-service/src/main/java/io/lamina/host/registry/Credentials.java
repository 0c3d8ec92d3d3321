package io.lamina.host.registry;

/** What proves to a registry who asks; as text, none of it shows a secret. */
public sealed interface Credentials {
    /** A name and a password. */
    record Basic(String user, String password) implements Credentials {
        @Override
        public String toString() {
            return "user " + user;
        }
    }

    /** A token that a token server gives access tokens for (OAuth 2 refresh token). */
    record IdentityToken(String token) implements Credentials {
        @Override
        public String toString() {
            return "an identity token";
        }
    }

    /** A token that is shown to the registry itself. */
    record RegistryToken(String token) implements Credentials {
        @Override
        public String toString() {
            return "a registry token";
        }
    }
}
