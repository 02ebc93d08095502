"""Local features of a picture: what is left of it in a crop, beneath a caption, within a screenshot.

SIFT keypoints (Lowe, IJCV 2004; its patent ended in 2020, and OpenCV has it under Apache-2.0), up to 200 of them spread
over the picture, each descriptor reduced to 128 bits: whether a bin is above the descriptor's own median. One feature
takes 20 bytes, so that all of them fit the value of one soft binding: they are signed with the claim, travel with it,
and any index over them can be built again from the claims alone.

    value    "fl" 0x01 count(1)  width(2) height(2)  then `count` times  place(4) bits(16), big endian
    place    x(10) y(10) size(5) angle(7): x and y in 1023rds of the longer side, size as round(4 log2(px at 512)),
             angle in 128ths of a turn
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

MAX_FEATURES = 200
FEATURE_BYTES = 20
# The picture is looked at with its longer side at this, never larger than it is.
WORK_PX = 400
_HEADER = struct.Struct(">2sBBHH")
_MAGIC, _VERSION = b"fl", 1
_CELLS = 6
_GRID = 1023
_NOMINAL_PX = 512
_TURN = 128
# SIFT's own threshold drops what smooth pictures (skies, faces) have to offer; repeatability is checked by geometry.
_CONTRAST = 0.012
_CANDIDATES = 900


@dataclass(frozen=True, slots=True)
class Features:
    """Features of one picture of `size` (width, height), pixels.

    at: float64 (n, 2), x and y in units of the longer side. size_of: float64 (n,), the keypoint's diameter in the same
    unit. angle: float64 (n,), radians. bits: uint8 (n, 16).
    """

    size: tuple[int, int]
    at: Floats
    size_of: Floats
    angle: Floats
    bits: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.bits)

    def to_bytes(self) -> bytes:
        """The value that a registry keeps, at most 4,008 bytes."""
        x, y = np.rint(np.clip(self.at, 0, 1).T * _GRID).astype(np.uint32)
        size = np.clip(np.rint(4 * np.log2(np.maximum(self.size_of * _NOMINAL_PX, 1))), 0, 31).astype(np.uint32)
        angle = np.rint(self.angle / (2 * np.pi) * _TURN).astype(np.int64) % _TURN
        places = (x << 22 | y << 12 | size << 7 | angle.astype(np.uint32)).astype(">u4")
        rows = np.concatenate([places.view(np.uint8).reshape(-1, 4), self.bits], axis=1)
        width, height = (min(65535, side) for side in self.size)
        return _HEADER.pack(_MAGIC, _VERSION, len(self), width, height) + rows.tobytes()

    @classmethod
    def from_bytes(cls, value: bytes) -> Features:
        """Read what to_bytes wrote. Raises ValueError for anything else."""
        if len(value) < _HEADER.size:
            raise ValueError("local features are cut off")
        magic, version, count, width, height = _HEADER.unpack_from(value)
        if magic != _MAGIC or version != _VERSION or not count or not width or not height:
            raise ValueError("these are no local features of this version")
        if len(value) != _HEADER.size + count * FEATURE_BYTES or count > MAX_FEATURES:
            raise ValueError("local features have another length than they say")
        rows = np.frombuffer(value, np.uint8, offset=_HEADER.size).reshape(-1, FEATURE_BYTES)
        places = np.ascontiguousarray(rows[:, :4]).view(">u4").ravel().astype(np.int64)
        at = np.stack([places >> 22, places >> 12 & _GRID], axis=1) / _GRID
        size = 2.0 ** ((places >> 7 & 31) / 4) / _NOMINAL_PX
        return cls((width, height), at, size, (places & 127) / _TURN * 2 * np.pi, rows[:, 4:].copy())

    def mirrored(self) -> Features:
        """The features that the left-right mirrored picture would have: the bins of its descriptors change places."""
        width = self.size[0] / max(self.size)
        bits = np.ascontiguousarray(np.packbits(np.unpackbits(self.bits, axis=1)[:, _MIRROR], axis=1))
        at = np.stack([width - self.at[:, 0], self.at[:, 1]], axis=1)
        return Features(self.size, at, self.size_of, (np.pi - self.angle) % (2 * np.pi), bits)


def features(rgb: Pixels) -> Features:
    """The local features of a picture, uint8 (h, w, 3): 0 to 200 of them, the strongest of each part first."""
    height, width = rgb.shape[:2]
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    scale = min(1.0, WORK_PX / max(height, width))
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    sift = cv2.SIFT_create(nfeatures=_CANDIDATES, contrastThreshold=_CONTRAST)
    points, descriptors = sift.detectAndCompute(grey, None)
    if descriptors is None or not len(points):
        return Features((width, height), np.empty((0, 2)), np.empty(0), np.empty(0), np.empty((0, 16), np.uint8))
    return _packed((width, height), grey.shape, points, np.asarray(descriptors, np.float32))


def _packed(
    size: tuple[int, int],
    shape: tuple[int, ...],
    points: tuple[cv2.KeyPoint, ...],
    descriptors: npt.NDArray[np.float32],
) -> Features:
    at = np.array([point.pt for point in points], np.float64)
    response = np.array([point.response for point in points])
    chosen = _spread(at / np.array([shape[1], shape[0]]), response)
    at = (at[chosen] + 0.5) / max(shape)
    diameter = np.array([points[i].size for i in chosen], np.float64) / max(shape)
    angle = np.deg2rad(np.array([points[i].angle for i in chosen], np.float64))
    taken = descriptors[chosen]
    return Features(size, at, diameter, angle, np.packbits(taken > np.median(taken, axis=1, keepdims=True), axis=1))


def _spread(at: Floats, response: Floats) -> npt.NDArray[np.int64]:
    """The features to keep: the strongest of every cell, then the second of every cell, and so on."""
    cells = (np.clip(at, 0, 0.999) * _CELLS).astype(int) @ np.array([1, _CELLS])
    order = np.lexsort((-response, cells))
    first = np.r_[0, np.flatnonzero(np.diff(cells[order])) + 1]
    lengths = np.diff(np.r_[first, len(order)])
    place = np.arange(len(order)) - np.repeat(first, lengths)
    ranked = order[np.lexsort((-response[order], place))]
    return np.asarray(ranked[:MAX_FEATURES], np.int64)


def _mirror_order() -> npt.NDArray[np.int64]:
    """Where each bin of a descriptor (4 rows, 4 columns, 8 directions) comes from when the picture is mirrored."""
    rows, columns, turns = np.meshgrid(np.arange(4), np.arange(4), np.arange(8), indexing="ij")
    return np.asarray(((3 - rows) * 4 + columns) * 8 + (-turns) % 8, np.int64).ravel()


_MIRROR = _mirror_order()
