"""Exact search for 256-bit fingerprints within a Hamming distance, by multi-index hashing (Norouzi et al., CVPR 2012).

A fingerprint is cut into 16 bands of 16 bits. Two fingerprints at distance <= 31 agree in at least one band up to one
bit: were every band to differ by two or more, the distance would be 32. So probing each band of the query with itself
and its 16 neighbours at distance 1 meets every fingerprint within 31: recall is 1, whatever the data. What the probes
meet is then compared bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

BITS = 256
VALUE_BYTES = BITS // 8
BANDS = 16
BAND_BITS = 16
MAX_DISTANCE = 2 * BANDS - 1

_NEIGHBOURS = np.array([0, *(1 << bit for bit in range(BAND_BITS))], np.int64)


def band_keys(algorithm: int, value: bytes) -> list[int]:
    """The 16 keys that a fingerprint of 32 bytes is stored under: algorithm, band and the band's 16 bits, packed."""
    keys: list[int] = _own(algorithm, value).tolist()
    return keys


def probe_keys(algorithm: int, value: bytes) -> list[int]:
    """The 272 keys under which every fingerprint within MAX_DISTANCE of this one is stored at least once."""
    probes: list[int] = (_own(algorithm, value)[:, None] ^ _NEIGHBOURS).ravel().tolist()
    return probes


def distances(value: bytes, others: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """The Hamming distance of one fingerprint of 32 bytes to each of the others: int64 (n,), 0..256."""
    own = np.frombuffer(value, np.uint64)
    table = np.frombuffer(b"".join(others), np.uint64).reshape(-1, VALUE_BYTES // 8)
    return np.asarray(np.bitwise_count(table ^ own).sum(axis=1), np.int64)


def _own(algorithm: int, value: bytes) -> npt.NDArray[np.int64]:
    words = np.frombuffer(value, ">u2").astype(np.int64)
    return words | (np.arange(BANDS, dtype=np.int64) << BAND_BITS) | (algorithm << BAND_BITS + 4)
