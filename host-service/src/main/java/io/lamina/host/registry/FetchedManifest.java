package io.lamina.host.registry;

import io.lamina.images.oci.Digest;

/**
 * A manifest or index, as a registry has it.
 *
 * @param digest of the bytes
 * @param mediaType what it is
 * @param bytes all of it; not copied
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier that lives within one call and is never compared
public record FetchedManifest(Digest digest, String mediaType, byte[] bytes) {}
