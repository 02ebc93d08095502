"""A lapped cosine transform of a picture in units of the picture: the same coefficients at any size and aspect.

The modulated lapped transform (Malvar 1990; the MDCT) has smooth, overlapping, orthonormal basis functions, so that
what is added to a coefficient leaves no edges. Here its functions are continuous, sixteen cells to a side, and are
sampled at the pixels' centres: shrinking a picture changes nothing but the noise, as long as its pixels still resolve
the highest band used (index 88 of a side; 90 pixels and more).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

CELLS = 16
BANDS = 6
# Coefficients are scaled as if every picture had 256 x 256 pixels: one grey level of mean square error is one unit.
SIDE = 256

Plane = npt.NDArray[np.float32]


@lru_cache(maxsize=64)
def basis(pixels: int) -> Plane:
    """The basis along a side of that many pixels: float32 (CELLS * BANDS, pixels), rows nearly orthonormal."""
    at = (np.arange(pixels) + 0.5) / pixels * CELLS
    rows = [_function(at - cell + 0.5, band, cell) for cell in range(CELLS) for band in range(BANDS)]
    out = np.asarray(np.array(rows) * np.sqrt(2.0 * CELLS / pixels), np.float32)
    out.flags.writeable = False
    return out


def _function(at: npt.NDArray[np.float64], band: int, cell: int) -> npt.NDArray[np.float64]:
    """One function; at: 0..2 inside its support. The outer halves of the first and last cell do not overlap."""
    window = np.sin(np.pi / 2 * at)
    if cell == 0:
        window = np.where(at < 1, (at >= 0.5).astype(float), window)
    if cell == CELLS - 1:
        window = np.where(at >= 1, (at < 1.5).astype(float), window)
    inside = (at >= 0) & (at < 2)
    return np.where(inside, window * np.cos(np.pi * (at + 0.5) * (band + 0.5)), 0.0)


def analyse(luma: Plane) -> Plane:
    """Coefficients of a plane of any size: float32 (CELLS, BANDS, CELLS, BANDS), by row cell, row band, column ..."""
    height, width = luma.shape
    flat = basis(height) @ luma @ basis(width).T
    flat *= SIDE / np.sqrt(height * width)
    return np.asarray(flat.reshape(CELLS, BANDS, CELLS, BANDS), np.float32)


def synthesise(coefficients: Plane, height: int, width: int) -> Plane:
    """The plane of that size with those coefficients: float32 (height, width)."""
    flat = coefficients.reshape(CELLS * BANDS, CELLS * BANDS)
    scale = np.float32(np.sqrt(height * width) / SIDE)
    return np.asarray((basis(height).T @ flat @ basis(width)) * scale, np.float32)
