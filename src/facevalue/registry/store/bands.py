"""Exact search for 256-bit fingerprints within a Hamming distance, by multi-index hashing (Norouzi et al., CVPR 2012).

A fingerprint is cut into 16 bands of 16 bits. Two fingerprints at distance <= 31 agree in at least one band up to one
bit: were every band to differ by two or more, the distance would be 32. So probing each band of the query with itself
and its 16 neighbours at distance 1 meets every fingerprint within 31: recall is 1, whatever the data. What the probes
meet is then compared bit by bit. Pure: arrays in, arrays out; the index that is probed is segment.py's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BITS = 256
VALUE_BYTES = BITS // 8
BANDS = 16
BAND_BITS = 16
MAX_DISTANCE = 2 * BANDS - 1

Rows = npt.NDArray[np.uint64]

_NEIGHBOURS = np.array([0, *(1 << bit for bit in range(BAND_BITS))], np.int64)
# Fingerprints are compared in pieces that stay in a processor's cache: 256 KiB.
_PIECE = 8192


def as_rows(values: bytes) -> Rows:
    """Fingerprints laid end to end, 32 bytes each, as uint64 (n, 4); only their bits matter, not their order."""
    return np.frombuffer(values, np.uint64).reshape(-1, VALUE_BYTES // 8)


def band_words(rows: Rows) -> npt.NDArray[np.uint16]:
    """The bands of fingerprints (as_rows): uint16 (16, n), one line a band."""
    return np.ascontiguousarray(np.ascontiguousarray(rows).view(np.uint16).reshape(-1, BANDS).T)


def probe_words(value: bytes) -> npt.NDArray[np.int64]:
    """What each band of a fingerprint is to be looked up by: int64 (16, 17), itself and all that differ in one bit."""
    return np.frombuffer(value, np.uint16).astype(np.int64)[:, None] ^ _NEIGHBOURS


def distances(value: bytes, rows: Rows) -> npt.NDArray[np.uint32]:
    """The Hamming distance of one fingerprint of 32 bytes to each of the rows: uint32 (n,), 0..256."""
    found = np.empty(len(rows), np.uint32)
    own = np.tile(np.frombuffer(value, np.uint64), min(_PIECE, len(rows)))
    for start in range(0, len(rows), _PIECE):
        piece = rows[start : start + _PIECE].ravel()
        # Four counts of at most 64 lie side by side in 32 bits; they are added in pairs, so that none overflows.
        counts = np.bitwise_count(piece ^ own[: len(piece)]).view(np.uint32)
        pairs = (counts & 0x00FF00FF) + ((counts >> 8) & 0x00FF00FF)
        found[start : start + _PIECE] = (pairs & 0xFFFF) + (pairs >> 16)
    return found
