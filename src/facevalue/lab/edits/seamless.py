"""Gradient-domain joining: a region keeps its own gradients and takes its levels from what surrounds it.

Poisson image editing (Pérez, Gangnet and Blake 2003, doi:10.1145/882262.882269): with the source's gradients as
guidance, the result is the source plus a membrane, the harmonic function that equals target minus source along the
seam. It is found from coarse to fine, with relaxation at every level. Pixels outside the region are never written.
"""

from __future__ import annotations

import cv2
import numpy as np

from facevalue.lab.edits.edit import Mask, Pixels, Plane, box_around, confined

_SWEEPS = 60
_NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32)
_SQUARE = np.ones((3, 3), np.uint8)


def membrane(values: Plane, region: Mask) -> Plane:
    """Values float32 (H, W, C) as they are along the region's outer edge, continued harmonically inside it.

    Outside the region and its edge the result is 0. A region without an edge (the whole picture) gives 0.
    """
    near = box_around(region, 2)
    inside = region[near]
    ring = np.asarray(cv2.dilate(inside.astype(np.uint8), _SQUARE), np.bool_) & ~inside
    out = np.zeros(values.shape, np.float32)
    if ring.any():
        solved = _solve(values[near].astype(np.float32), ring, inside)
        out[near] = np.where((inside | ring)[..., None], solved, 0)
    return out


def _solve(values: Plane, known: Mask, unknown: Mask) -> Plane:
    """Relaxation from the next coarser solution. What is neither known nor unknown takes no part."""
    guess = _coarse(values, known, unknown) if min(known.shape) > 6 else _mean(values, known)
    field = np.where(known[..., None], values, guess).astype(np.float32)
    takes_part = (known | unknown).astype(np.float32)
    count = np.maximum(_around(takes_part), 1e-6)[..., None]
    free = (unknown & (count[..., 0] > 0.5))[..., None]
    for _ in range(_SWEEPS):
        field = np.where(free, _around(field * takes_part[..., None]) / count, field).astype(np.float32)
    return field


def _around(plane: Plane) -> Plane:
    summed = cv2.filter2D(plane, -1, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(summed, np.float32).reshape(plane.shape)  # OpenCV drops a last axis of one


def _mean(values: Plane, known: Mask) -> Plane:
    return np.broadcast_to(values[known].mean(axis=0), values.shape).astype(np.float32)


def _coarse(values: Plane, known: Mask, unknown: Mask) -> Plane:
    """The solution at half the size, brought back: a first guess."""
    height, width = known.shape
    pad = ((0, height % 2), (0, width % 2))
    weight = np.pad(known.astype(np.float32), pad)
    summed = _halved(np.pad(values * known[..., None], (*pad, (0, 0))).astype(np.float32))
    total = _halved(weight[..., None])
    coarse_known = total[..., 0] > 0
    coarse = np.asarray(summed / np.maximum(total, 1), np.float32)
    coarse_unknown = (_halved(np.pad(unknown, pad).astype(np.float32)[..., None])[..., 0] > 0) & ~coarse_known
    solved = _solve(coarse, coarse_known, coarse_unknown)
    # Places outside both lend the upsampling sensible values, not zeros.
    empty = ~(coarse_known | coarse_unknown)
    if empty.any():
        solved[empty] = solved[~empty].mean(axis=0)
    size = (width + width % 2, height + height % 2)
    grown = cv2.resize(solved, size, interpolation=cv2.INTER_LINEAR).reshape(size[1], size[0], -1)
    return np.asarray(grown[:height, :width], np.float32)


def _halved(plane: Plane) -> Plane:
    """Sums over squares of 2 x 2."""
    return np.asarray(plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2], np.float32)


def seamless(base: Pixels, source: Pixels | Plane, region: Mask) -> Pixels:
    """source joined to base inside the region by its gradients. All (H, W, 3), 0..255; uint8 comes back."""
    apart = base.astype(np.float32) - source
    return confined(base, source + membrane(np.asarray(apart, np.float32), region), region)


__all__ = ["membrane", "seamless"]
