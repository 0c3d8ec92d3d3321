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

# What takes addresses of 48 bits, compressed metadata, and directories of more than a block.
rm -rf tree; python3 wide.py tree
make wide
make wide-lz4-directories -zlz4 --zD
make wide-lz4-directories-512 -b512 -zlz4 --zD -Edot-omitted,all-fragments
make wide-48bit -E48bit,dot-omitted --chunksize=4096
make wide-48bit-lz4 -E48bit -zlz4 --zD
make wide-48bit-zstd -E48bit,dedupe -zzstd -C65536
make wide-48bit-fragments -E48bit,fragments,dedupe -zdeflate -C16384
make wide-metabox-directories -m65536 -zlzma -C65536 -E48bit,dot-omitted --zD --MZ=i
make wide-metabox -m4096 -zlz4 --MZ=i --xattr-prefix=user.some.long.prefix.
make wide-metabox-fragments -m16384:1 -zzstd:lz4 -C65536 -E48bit,fragments --MZ=i --xattr-prefix=user.some.long.prefix.
make wide-48bit-clusters -E48bit,dedupe -zlz4 --max-extent-bytes=4096
