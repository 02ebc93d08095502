"""The host's side: how strong a picture is in each coefficient, and what a reader hears of each code bit.

Reader and embedder share this. Coefficients are divided by the host's local strength (so that a busy corner does not
drown the rest) and limited, as suits their heavy tails (Hernandez, Amado and Perez-Gonzalez 2000); the sum over a code
bit's chips then has about unit variance in an unmarked picture, whatever the picture.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.watermark import pattern
from facevalue.watermark.code import CODE_BITS
from facevalue.watermark.lapped import CELLS, Plane, analyse

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

# Pictures are looked at with this many pixels on their longer side: the highest band needs 90 of them.
WORKING_SIDE = 384
# Power of natural pictures falls with about this power of frequency; NOISE is what compression adds anywhere.
_SLOPE, _NOISE = 2.8, 10.0
LIMIT = 1.0
# A cell counts as known when this share of what its functions reach over is.
_COVERED = 0.97


@cache
def spectrum() -> Plane:
    """The usual variance of each pair of bands, relative: float32 (pairs, 1)."""
    return np.asarray(pattern.radius()[pattern.used()] ** -_SLOPE, np.float32)[:, None]


def working_size(height: int, width: int) -> tuple[int, int]:
    """Height and width at which a picture is analysed: its own, or with WORKING_SIDE on the longer side."""
    scale = min(1.0, WORKING_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def working_luma(rgb: Pixels) -> Plane:
    """Luma (ITU-R BT.601, as JPEG's) of the picture at its working size, 0..255."""
    height, width = working_size(*rgb.shape[:2])
    if (height, width) != rgb.shape[:2]:
        rgb = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)


def activity(coefficients: Plane) -> Plane:
    """Variance at radius 1 of each cell and its neighbours: float32 (CELLS * CELLS,)."""
    cells = (coefficients**2 / spectrum()).mean(axis=0).reshape(CELLS, CELLS)
    return np.asarray(cv2.GaussianBlur(cells, (3, 3), 0.8, borderType=cv2.BORDER_REFLECT), np.float32).reshape(-1)


def strength(coefficients: Plane) -> Plane:
    """The host's standard deviation at every coefficient: as `coefficients`."""
    return np.asarray(np.sqrt(spectrum() * activity(coefficients)[None] + np.float32(_NOISE)), np.float32)


def heard(coefficients: Plane, scale: Plane, known: Mask | None = None) -> npt.NDArray[np.float32]:
    """What is received of each code bit: float32 (CODE_BITS,), about unit variance without a mark.

    coefficients: (pairs, CELLS * CELLS). scale: see strength(). known: bool (CELLS * CELLS,), the cells that count.
    """
    bit, sign = pattern.chips()
    clipped = np.clip(coefficients / scale, -LIMIT, LIMIT)
    if known is not None:
        clipped = clipped * known
    total = np.bincount(bit, weights=clipped.reshape(-1) * sign, minlength=CODE_BITS)
    return np.asarray(total / np.sqrt(np.maximum(counts(known), 1)), np.float32)


def counts(known: Mask | None = None) -> npt.NDArray[np.float64]:
    """How many coefficients carry each code bit: (CODE_BITS,)."""
    bit, _ = pattern.chips()
    weights = None if known is None else np.broadcast_to(known, (len(bit) // len(known), len(known))).reshape(-1)
    return np.bincount(bit, weights=weights, minlength=CODE_BITS).astype(np.float64)


def known_cells(known: Mask) -> Mask:
    """The cells whose functions lie in what is known; known: bool (h, w), any size."""
    share = cv2.resize(known.astype(np.float32), (4 * CELLS, 4 * CELLS), interpolation=cv2.INTER_AREA)
    reach = cv2.blur(share, (7, 7), borderType=cv2.BORDER_REPLICATE).reshape(CELLS, 4, CELLS, 4)
    return np.asarray(reach[:, 1:3, :, 1:3].mean(axis=(1, 3)) >= _COVERED).reshape(-1)


def filled(luma: Plane, known: Mask) -> Plane:
    """The plane with what is unknown replaced by a blur of what is known, so that no edge stands at the border."""
    weight = known.astype(np.float32)
    side = max(luma.shape) / 8
    near, reach = (cv2.GaussianBlur(x, (0, 0), side) for x in (luma * weight, weight))
    mean = float((luma * weight).sum() / max(float(weight.sum()), 1.0))
    smooth = (near + 1e-3 * mean) / (reach + 1e-3)
    return np.where(known, luma, smooth).astype(np.float32)


def coefficients_of(luma: Plane) -> Plane:
    """The coefficients that carry the mark: float32 (pairs, CELLS * CELLS)."""
    return pattern.gathered(analyse(luma))
