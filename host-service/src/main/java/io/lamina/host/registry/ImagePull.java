package io.lamina.host.registry;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageContent;
import io.lamina.host.content.ImageName;
import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.Index;
import io.lamina.images.oci.Manifest;
import io.lamina.images.oci.MediaType;
import io.lamina.images.oci.Platform;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Brings images from registries into a content store. */
public final class ImagePull {
    private static final int MAX_INDEX_DEPTH = 4;
    private static final int MAX_MANIFESTS = 200;

    private final RegistryClient client;
    private final ContentStore store;
    private final int parallel;
    private final TransferListener listener;

    /** @param parallel how many blobs at once, 1 or more */
    public ImagePull(RegistryClient client, ContentStore store, int parallel, TransferListener listener) {
        this.client = client;
        this.store = store;
        this.parallel = parallel;
        this.listener = listener;
    }

    /**
     * An image as a registry has it, its blobs still there.
     *
     * @param name asked for
     * @param asked what the name stands for
     * @param target the manifest for one platform; or {@code asked} itself where all were wanted
     * @param documents manifests and indexes by digest, children first
     * @param blobs configurations and layers
     */
    public record Found(
            RemoteName name,
            Descriptor asked,
            Descriptor target,
            Map<Digest, byte[]> documents,
            List<Descriptor> blobs) {
        /** The manifest, where there is one for one platform. */
        public Manifest manifest() throws CorruptImageException {
            byte[] document = documents.get(target.digest());
            return Manifest.parse(document == null ? new byte[0] : document);
        }
    }

    /**
     * Asks for the manifest.
     *
     * @param platform which image, where there is one for each of several; empty for all of them
     */
    public Found find(RemoteName name, Optional<Platform> platform) throws IOException {
        FetchedManifest first = fetch(name, name.reference());
        if (name.digest().isPresent() && !first.digest().equals(name.digest().get())) {
            throw new CorruptImageException(name.toString(), "has the digest " + first.digest());
        }
        Descriptor asked = describe(first);
        Map<Digest, byte[]> documents = new LinkedHashMap<>();
        List<Descriptor> blobs = new ArrayList<>();
        if (platform.isEmpty()) {
            all(name, first, documents, blobs, 0);
            return new Found(name, asked, asked, documents, blobs);
        }
        FetchedManifest at = first;
        for (int depth = 0; MediaType.isIndex(at.mediaType()); depth++) {
            if (depth == MAX_INDEX_DEPTH) {
                throw new CorruptImageException(
                        name.toString(), "has more than " + MAX_INDEX_DEPTH + " indexes within each other");
            }
            at = fetch(name, Index.parse(name.toString(), at.bytes()).forPlatform(name.toString(), platform.get()));
        }
        documents.put(at.digest(), at.bytes());
        return new Found(name, asked, describe(at), documents, ImageContent.blobs(Manifest.parse(at.bytes())));
    }

    private void all(
            RemoteName name, FetchedManifest at, Map<Digest, byte[]> documents, List<Descriptor> blobs, int depth)
            throws IOException {
        if (depth > MAX_INDEX_DEPTH || documents.size() > MAX_MANIFESTS) {
            throw new CorruptImageException(
                    name.toString(),
                    "has more than " + MAX_INDEX_DEPTH + " indexes within each other, or " + MAX_MANIFESTS
                            + " manifests");
        }
        if (MediaType.isIndex(at.mediaType())) {
            for (Descriptor entry : Index.parse(name.toString(), at.bytes()).manifests()) {
                if (!documents.containsKey(entry.digest())) {
                    all(name, fetch(name, entry), documents, blobs, depth + 1);
                }
            }
        } else {
            for (Descriptor blob : ImageContent.blobs(Manifest.parse(at.bytes()))) {
                if (blobs.stream().noneMatch(known -> known.digest().equals(blob.digest()))) {
                    blobs.add(blob);
                }
            }
        }
        documents.put(at.digest(), at.bytes());
    }

    private FetchedManifest fetch(RemoteName name, Descriptor entry) throws IOException {
        FetchedManifest fetched = fetch(name, entry.digest().toString());
        if (fetched.bytes().length != entry.sizeBytes() || !fetched.mediaType().equals(entry.mediaType())) {
            throw new CorruptImageException(
                    "manifest " + entry.digest(),
                    "has " + fetched.bytes().length + " bytes of " + fetched.mediaType() + ", its descriptor says "
                            + entry.sizeBytes() + " of another kind or length");
        }
        return fetched;
    }

    private FetchedManifest fetch(RemoteName name, String reference) throws IOException {
        List<Repository> sources = client.sources(name);
        for (int i = 0; ; i++) {
            boolean last = i + 1 == sources.size();
            try {
                Optional<FetchedManifest> found = sources.get(i).manifest(reference);
                if (found.isPresent()) {
                    return found.get();
                }
            } catch (IOException failure) {
                if (last) {
                    throw failure;
                }
            }
            if (last) {
                throw new RegistryException(
                        404,
                        sources.get(i) + " has no " + reference
                                + ", or not for whoever asks; check the name, or log in with" + " 'docker login "
                                + name.host() + "'");
            }
        }
    }

    private static Descriptor describe(FetchedManifest manifest) {
        return new Descriptor(manifest.mediaType(), manifest.digest(), manifest.bytes().length, null, List.of());
    }

    /**
     * Brings the blobs, all or some of them.
     *
     * @param wanted of {@link Found#blobs}
     */
    public void fetch(Found found, List<Descriptor> wanted) throws IOException {
        fetch(found.name(), wanted);
    }

    /** As {@link #fetch(Found, List)}, of blobs that belong to another manifest of the same repository. */
    public void fetch(RemoteName name, List<Descriptor> wanted) throws IOException {
        checkSpace(wanted);
        List<Repository> sources = client.sources(name);
        List<Transfers.Transfer> transfers = new ArrayList<>();
        for (Descriptor blob : wanted) {
            transfers.add(() -> BlobDownload.run(store, sources, blob, listener));
        }
        Transfers.run(transfers, parallel);
    }

    /** What surely does not fit is not begun. */
    private void checkSpace(List<Descriptor> wanted) throws IOException {
        long missing = 0;
        for (Descriptor blob : wanted) {
            if (!store.has(blob.digest())) {
                missing = Math.min(Long.MAX_VALUE - blob.sizeBytes(), missing) + blob.sizeBytes();
            }
        }
        long free = Files.getFileStore(store.root()).getUsableSpace();
        if (missing > free) {
            throw new IOException(store.root() + ": no space for " + missing + " bytes, " + free
                    + " are free; free some ('lamina rmi', 'lamina store gc') and pull again");
        }
    }

    /** Puts the documents into the store and names them; the last step of a pull. */
    public ImageName name(Found found) throws IOException {
        for (byte[] document : found.documents().values()) {
            store.put(document);
        }
        ImageName image = new ImageName(found.name().toString(), found.target());
        store.name(image);
        return image;
    }

    /** All of it: finds the image, brings its blobs and names it. */
    public ImageName pull(RemoteName name, Optional<Platform> platform) throws IOException {
        Found found = find(name, platform);
        fetch(found, found.blobs());
        return name(found);
    }
}
