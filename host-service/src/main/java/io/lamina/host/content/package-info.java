/**
 * The images of this machine as registries have them: manifests, configurations and layers, in an OCI image layout that any
 * other program can read. What comes of the layers is in the store.
 */
@NullMarked
package io.lamina.host.content;

import org.jspecify.annotations.NullMarked;
