"""Where the parts of a log lie: the paths of C2SP tlog-tiles, the same below a folder and below a URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from facevalue.registry.log.merkle import HASH_BYTES

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_LEVEL = 63
CHECKPOINT = "checkpoint"
# Not part of tlog-tiles: the latest checkpoint that witnesses have cosigned, which the log may have outgrown.
COSIGNED = "cosigned"

_INDEX = r"(?:x[0-9]{3}/){0,6}[0-9]{3}"
_TILE = re.compile(rf"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>{_INDEX})(?:\.p/(?P<width>[1-9][0-9]{{0,2}}))?")


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One tile of hashes, or one bundle of entries (level -1). width is 256 when it is full, 1..255 when partial."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """tile/<L>/<N>[.p/<W>], or tile/entries/<N>[.p/<W>]."""
        level = "entries" if self.level < 0 else str(self.level)
        suffix = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_index_path(self.index)}{suffix}"

    @property
    def bytes(self) -> int:
        """The exact size of a tile of hashes."""
        return self.width * HASH_BYTES

    @property
    def full(self) -> Tile:
        """The full tile in this place."""
        return Tile(self.level, self.index)


def bundle(index: int, width: int = TILE_WIDTH) -> Tile:
    """The bundle of entries that lies beside the tile of leaf hashes with that index."""
    return Tile(-1, index, width)


def parse_path(path: str) -> Tile | None:
    """The tile that a path names, or None when it names none: nothing but the one spelling is accepted."""
    found = _TILE.fullmatch(path)
    if found is None:
        return None
    level = -1 if found["level"] == "entries" else int(found["level"])
    tile = Tile(level, int(re.sub("[x/]", "", found["index"])), int(found["width"] or TILE_WIDTH))
    return tile if level <= MAX_LEVEL and tile.path == path else None


def tile_at(level: int, index: int, size: int) -> Tile:
    """The tile in that place of a tree with `size` leaves: full, or partial at its right edge; width 0 beyond it."""
    width = min(TILE_WIDTH, max(0, (size >> TILE_HEIGHT * level) - index * TILE_WIDTH))
    return Tile(level, index, width)


def tiles_of(old: int, new: int) -> Iterator[Tile]:
    """The tiles of hashes of a tree of `new` leaves that one of `old` leaves does not have, lowest level first."""
    for level in range(MAX_LEVEL + 1):
        before, after = old >> TILE_HEIGHT * level, new >> TILE_HEIGHT * level
        if not after:
            return
        if after > before:
            for index in range(before // TILE_WIDTH, (after - 1) // TILE_WIDTH + 1):
                yield tile_at(level, index, new)


def _index_path(index: int) -> str:
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])
