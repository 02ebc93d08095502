"""Reading a tiled log: tiles, subtrees, proofs and entries, for a tree of a stated size."""

from __future__ import annotations

import struct
from collections import OrderedDict

from facevalue.registry.errors import LogError
from facevalue.registry.log import merkle
from facevalue.registry.log.merkle import HASH_BYTES, Proof
from facevalue.registry.log.paths import CHECKPOINT, TILE_HEIGHT, TILE_WIDTH, Tile, bundle, tile_at
from facevalue.registry.log.source import Source

CACHED_TILES = 256


class LogReader:
    """Reads one log through its files. Nothing it returns is authenticated: compare the root with a checkpoint.

    Tiles are cached: they never change, but for partial ones, which grow.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._cache: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def checkpoint(self) -> bytes:
        """The bytes of the current checkpoint. Raises LogError when there is none."""
        data = self.source.read(CHECKPOINT)
        if data is None:
            raise LogError("there is no log here: it has no checkpoint")
        return data

    def tile(self, level: int, index: int, size: int) -> bytes:
        """The hashes of a tile as a tree of `size` leaves has it. Raises LogError when it is missing or too short."""
        wanted = tile_at(level, index, size)
        if wanted.width < 1:
            raise LogError(f"a log of {size} entries has no tile {wanted.path}")
        known = self._cache.get((level, index), b"")
        if len(known) < wanted.bytes:
            known = self._fetch(wanted)
            if len(known) < wanted.bytes or len(known) % HASH_BYTES:
                raise LogError(f"the tile {wanted.path} of the log has the wrong size")
            self.remember(wanted, known)
        self._cache.move_to_end((level, index))
        return known[: wanted.bytes]

    def remember(self, tile: Tile, data: bytes) -> None:
        """Keep a tile's bytes, so that they need not be read."""
        self._cache[tile.level, tile.index] = data
        self._cache.move_to_end((tile.level, tile.index))
        if len(self._cache) > CACHED_TILES:
            self._cache.popitem(last=False)

    def forget(self) -> None:
        """Drop every cached tile."""
        self._cache.clear()

    def nodes(self, size: int) -> merkle.NodeReader:
        """The perfect subtrees of the tree over the first `size` leaves."""

        def read(level: int, index: int) -> bytes:
            tile_level, height = divmod(level, TILE_HEIGHT)
            first = index << height
            data = self.tile(tile_level, first // TILE_WIDTH, size)
            start = first % TILE_WIDTH * HASH_BYTES
            part = data[start : start + (HASH_BYTES << height)]
            if len(part) != HASH_BYTES << height:
                raise LogError(f"a log of {size} entries has no such subtree")
            return merkle.fold([part[i : i + HASH_BYTES] for i in range(0, len(part), HASH_BYTES)])

        return read

    def root(self, size: int) -> bytes:
        """The root of the tree over the first `size` leaves, 32 bytes."""
        return merkle.tree_root(self.nodes(size), size)

    def inclusion(self, index: int, size: int) -> Proof:
        """The proof that entry `index` is in the tree of that size."""
        return merkle.inclusion_proof(self.nodes(size), index, size)

    def consistency(self, first: int, second: int) -> Proof:
        """The proof that the tree of size `second` extends the one of size `first`."""
        return merkle.consistency_proof(self.nodes(second), first, second)

    def entries(self, index: int, size: int) -> list[bytes]:
        """The entries of bundle `index` as a tree of `size` leaves has it; each hashes to its leaf. Raises LogError."""
        tile = tile_at(0, index, size)
        wanted = bundle(index, tile.width)
        entries = parse_bundle(self._fetch(wanted))[: tile.width]
        hashes = self.tile(0, index, size)
        if b"".join(merkle.leaf_hash(entry) for entry in entries) != hashes:
            raise LogError(f"the entries in {wanted.path} do not hash to the log's tile")
        return entries

    def _fetch(self, tile: Tile) -> bytes:
        """A partial tile may be gone once the full one is there, which then begins with it."""
        for path in dict.fromkeys((tile.path, tile.full.path)):
            data = self.source.read(path)
            if data is not None:
                return data
        raise LogError(f"the log lacks {tile.path}")


def parse_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle: each a big-endian 16-bit length and so many bytes. Raises LogError."""
    entries, at = [], 0
    while at < len(data):
        if at + 2 > len(data):
            raise LogError("a bundle of entries is cut short")
        (length,) = struct.unpack_from(">H", data, at)
        at += 2 + length
        if at > len(data):
            raise LogError("a bundle of entries is cut short")
        entries.append(data[at - length : at])
    return entries


def make_bundle(entries: list[bytes]) -> bytes:
    """The bundle of those entries, each at most 65,535 bytes. Raises LogError for a longer one."""
    if any(len(entry) > 0xFFFF for entry in entries):
        raise LogError("an entry of the log is longer than 65,535 bytes")
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)
