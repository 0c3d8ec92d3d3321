/** OCI images as they are found: layouts, archives, manifests, configurations (OCI image-spec 1.1). */
@NullMarked
package io.lamina.images.oci;

import org.jspecify.annotations.NullMarked;
