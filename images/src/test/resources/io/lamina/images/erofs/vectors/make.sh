#!/bin/sh
# Makes the test vectors, with mkfs.erofs of erofs-utils 1.9.4.
set -eu
rm -rf tree; python3 tree.py tree
make() { name=$1; shift; mkfs.erofs --quiet -T0 -Uclear --all-root "$@" "$name.erofs" tree; gzip -9nf "$name.erofs"; }
make plain
make lz4-full-index -zlz4 -Elegacy-compress
make lz4-all-fragments -zlz4 -Eall-fragments
make lz4-tail-packed -zlz4hc -C16384 -Eztailpacking
make deflate -zdeflate
make deflate-tail-packed-deduplicated -zdeflate,level=9 -C16384 -Eztailpacking,dedupe
make zstd -zzstd
make zstd-large-extents -zzstd -C65536
make zstd-fragments-prefixes -zzstd -C65536 -Efragments,dedupe --xattr-prefix=user.some.long.prefix.
make plain-prefixes --xattr-prefix=user.some.long.prefix.
make lzma -zlzma
make lzma-large-extents -zlzma,level=9 -C65536
make lz4-deduplicated-512 -b512 -zlz4 -Ededupe
