"""PDQ, the perceptual hash of pictures: 256 bits of the lowest frequencies, and a quality (Meta, "The TMK+PDQF video-
hashing algorithm and the PDQ image-hashing algorithm", 2019, and its published reference code).

Written here with NumPy, because the reference's Python binding has to be compiled where it is installed; the tests hold
hashes that the reference gave. Two pictures are the same one, re-encoded or resized, when their hashes are at most 31
bits apart; unrelated pictures are 128 bits apart on average.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.fingerprint.borders import Box, trimmed

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

BITS = 256
MAX_DISTANCE = 31
# Below this quality a hash says little: a nearly uniform picture resembles every other one (the reference's advice).
MIN_QUALITY = 50
# Larger pictures are first reduced to this, by area: the hash is of a 64 x 64 version, whatever the size.
_WORK_PX = 512
_GRID = 64
_SIDE = 16
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class Pdq:
    """bits: 32 bytes, in the order of the reference's hexadecimal text. quality: 0..100."""

    bits: bytes
    quality: int

    def distance(self, other: Pdq) -> int:
        """How many of the 256 bits differ."""
        return distance(self.bits, other.bits)

    @property
    def usable(self) -> bool:
        """Whether the picture has enough detail for the hash to mean something."""
        return self.quality >= MIN_QUALITY


def distance(one: bytes, other: bytes) -> int:
    """The Hamming distance of two hashes of equal length, in bits."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def pdq(rgb: Pixels) -> Pdq:
    """The hash of a picture, uint8 (h, w, 3), sRGB. Raises ValueError for an empty one."""
    grid = _grid(rgb)
    return Pdq(_bits(_spectrum(grid)), _quality(grid))


def dihedral(rgb: Pixels) -> tuple[Pdq, ...]:
    """The hashes of the picture and of its seven rotations and reflections, each as pdq() of the turned picture gives.

    The reference derives them from one spectrum, which is off by half a sample and costs some copies.

    In order: as it is, rotated by 90, 180 and 270 degrees counter-clockwise, upside down (rows reversed), mirrored
    (columns reversed), and transposed about each diagonal.
    """
    luma = _luma(rgb)
    as_is, tall, flat, both = (_reduced(luma[::y, ::x]) for y, x in ((1, 1), (-1, 1), (1, -1), (-1, -1)))
    # A quarter turn is a transposition after a reflection; the last of the two diagonals is both reflections and one.
    turned = (as_is, flat.T, both, tall.T, tall, flat, as_is.T, both.T)
    quality = _quality(as_is)
    return tuple(Pdq(_bits(_spectrum(plane)), quality) for plane in turned)


def _grid(rgb: Pixels) -> Plane:
    return _reduced(_luma(rgb))


def _luma(rgb: Pixels) -> Plane:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise ValueError(f"a picture is (h, w, 3) and not empty, not {rgb.shape}")
    height, width = rgb.shape[:2]
    if max(height, width) > _WORK_PX:
        size = (min(width, _WORK_PX), min(height, _WORK_PX))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(rgb.astype(np.float32) @ _LUMA, np.float32)


def _reduced(luma: Plane) -> Plane:
    """64 x 64: smoothed twice by a box (Jarosz), then sampled."""
    return np.asarray(_sampler(luma.shape[0]) @ luma @ _sampler(luma.shape[1]).T, np.float32)


@functools.lru_cache(maxsize=64)
def _sampler(length: int) -> Plane:
    """(64, length): two boxes, a 128th of the length wide (less at the ends), and then 64 samples."""
    window = (length + 127) // 128
    ahead = (window + 2) // 2
    offset = np.arange(length)[None, :] - np.arange(length)[:, None]
    box = ((offset < ahead) & (offset >= ahead - window)).astype(np.float64)
    box /= box.sum(axis=1, keepdims=True)
    places = ((np.arange(_GRID) + 0.5) * length / _GRID).astype(int)
    return np.asarray(box[places] @ box, np.float32)


def _dct() -> Plane:
    k, n = np.arange(1, _SIDE + 1)[:, None], np.arange(_GRID)[None, :]
    return np.asarray(np.sqrt(2 / _GRID) * np.cos(np.pi / 2 / _GRID * k * (2 * n + 1)), np.float32)


_DCT = _dct()


def _spectrum(grid: Plane) -> Plane:
    return np.asarray(_DCT @ grid @ _DCT.T, np.float32)


def _bits(spectrum: Plane) -> bytes:
    """A bit per coefficient: whether it is above the (lower) median; the last coefficient comes first."""
    values = spectrum.ravel()
    median = np.partition(values, BITS // 2 - 1)[BITS // 2 - 1]
    return np.packbits((values > median)[::-1]).tobytes()


def _quality(grid: Plane) -> int:
    """How much the grid changes from one place to the next, 0..100."""
    steps = [np.abs((np.diff(grid, axis=axis) * (100 / 255)).astype(np.int64)).sum() for axis in (0, 1)]
    return min(100, int(sum(steps)) // 90)


__all__ = ["BITS", "MAX_DISTANCE", "MIN_QUALITY", "Box", "Pdq", "dihedral", "distance", "pdq", "trimmed"]
