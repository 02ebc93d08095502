"""The key: which coefficients carry which code bit, and with which sign. Fixed: everyone may read the mark.

A public key is what blind reading by strangers needs; it also means that whoever knows this file can remove a mark or
copy one. A mark is evidence against the careless, not against a determined adversary; signatures are for that.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from facevalue.watermark.code import CODE_BITS
from facevalue.watermark.lapped import BANDS, CELLS, Plane

_SEED = 0xFACE_0001
# Bands, in cells' half periods from the middle of the transform: below, the host is strong and the eye keen; above,
# a picture of half the size and heavy compression leave little.
_LOWEST, _HIGHEST = 1.7, 5.6


@cache
def radius() -> Plane:
    """Distance of each pair of bands from zero frequency: float32 (BANDS, BANDS)."""
    band = np.arange(BANDS) + 0.5
    return np.asarray(np.hypot(band[:, None], band[None, :]), np.float32)


@cache
def used() -> npt.NDArray[np.bool_]:
    """Which pairs of bands carry the mark: bool (BANDS, BANDS)."""
    return (radius() > _LOWEST) & (radius() <= _HIGHEST)


@cache
def chips() -> tuple[npt.NDArray[np.int64], Plane]:
    """For each coefficient that is used, in the order of `gathered`: its code bit, and its sign (+1, -1).

    Both (CELLS * CELLS * used pairs,). Each bit has its coefficients in every pair of bands in turn, anywhere in the
    picture, so that a lost region or band costs every bit about the same.
    """
    rng = np.random.default_rng(_SEED)
    pairs, cells = int(used().sum()), CELLS * CELLS
    slots = np.concatenate([pair * cells + rng.permutation(cells) for pair in range(pairs)])
    bit = np.empty(pairs * cells, np.int64)
    bit[slots] = np.arange(len(slots)) % CODE_BITS
    sign = rng.integers(0, 2, len(slots)).astype(np.float32) * 2 - 1
    return bit, sign


def gathered(coefficients: Plane) -> Plane:
    """The coefficients that are used: (pairs, CELLS * CELLS) from (CELLS, BANDS, CELLS, BANDS)."""
    by_band = coefficients.transpose(1, 3, 0, 2)[used()]
    return np.ascontiguousarray(by_band.reshape(len(by_band), CELLS * CELLS))


def scattered(values: Plane) -> Plane:
    """The inverse of `gathered`, zero elsewhere."""
    out = np.zeros((BANDS, BANDS, CELLS, CELLS), np.float32)
    out[used()] = values.reshape(-1, CELLS, CELLS)
    return np.ascontiguousarray(out.transpose(2, 0, 3, 1))
