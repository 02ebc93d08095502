"""Which encoder settings a JPEG's quantisation tables speak for.

Tables are compared with those of the Independent JPEG Group's library (Annex K.1 of ISO/IEC 10918-1, scaled by its
quality formula) and with the table that mozjpeg uses by default (N. Robidoux). A table of neither family gets the
quality whose IJG luma table is nearest in the mean absolute log ratio, so that every JPEG has one comparable number.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.int64]


def _table(text: str) -> Table:
    return np.array([int(word) for word in text.split()], np.int64)


_LUMA = _table(
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMA = _table(
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 " + "99 " * 32
)
_ROBIDOUX = _table(
    "16 16 16 18 25 37 56 85 16 17 20 27 34 40 53 75 16 20 24 31 43 62 91 135 18 27 31 40 53 74 106 156 "
    "25 34 43 53 69 94 131 189 37 40 62 74 94 124 169 238 56 53 91 106 131 169 226 311 "
    "85 75 135 156 189 238 311 418"
)
_FAMILIES: tuple[tuple[str, Table, Table], ...] = (
    ("ijg", _LUMA, _CHROMA),
    ("mozjpeg", _ROBIDOUX, _ROBIDOUX),
)


@functools.cache
def _zigzag() -> npt.NDArray[np.intp]:
    """Natural (row-major) position of each coefficient in the zigzag order in which tables are stored."""
    order = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))
    return np.array(order, dtype=np.intp)


def natural(zigzag_values: Sequence[int]) -> Table:
    """A table as stored (64 values, zigzag) in row-major order."""
    out = np.empty(64, np.int64)
    out[_zigzag()] = zigzag_values
    return out


@functools.cache
def _scaled(family: int, chroma: int, quality: int) -> Table:
    _, luma, colour = _FAMILIES[family]
    base = colour if chroma else luma
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((base * scale + 50) // 100, 1, 255)


def describe(tables: Mapping[int, Table], component_tables: Sequence[int]) -> dict[str, Any]:
    """Family, quality (1..100) and whether the match is exact.

    tables: row-major, by table id. component_tables: the table id each component uses, luma first.
    """
    used = [tables[i] for i in dict.fromkeys(component_tables) if i in tables] or list(tables.values())
    if not used:
        return {"family": None, "quality": None, "exact": False}
    for index, (name, _, _) in enumerate(_FAMILIES):
        quality = _exact(index, used)
        if quality is not None:
            return {"family": name, "quality": quality, "exact": True}
    family = "flat" if all(len(set(t.tolist())) == 1 for t in used) and used[0][0] > 1 else "custom"
    return {"family": family, "quality": _nearest(used[0]), "exact": False}


def _exact(family: int, used: Sequence[Table]) -> int | None:
    for quality in range(100, 0, -1):
        luma = _scaled(family, 0, quality)
        if not np.array_equal(np.minimum(used[0], 255), luma):
            continue
        # Some encoders use the luma table for colour too; that is still the family's luma table.
        if all(np.array_equal(np.minimum(t, 255), _scaled(family, 1, quality)) for t in used[1:]):
            return quality
    return None


def _nearest(table: Table) -> int:
    logs = np.log(np.maximum(table, 1))
    misses = [float(np.abs(logs - np.log(_scaled(0, 0, q))).mean()) for q in range(1, 101)]
    return 1 + int(np.argmin(misses))
