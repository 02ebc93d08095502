"""Whether two sets of local features show the same scene, and how one lies upon the other.

Each pair of alike features proposes a similarity (scale, rotation, shift) by itself, so that every hypothesis can be
tried and nothing is left to chance: it is a consensus search (RANSAC, Fischler and Bolles 1981) without the sampling.
What agrees with the best one is refined to an affine map, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.fingerprint.local import Features

Floats = npt.NDArray[np.float64]

# Pairs of features whose 128 bits differ in at most this many are compared at all. Unrelated ones differ in about 64.
MAX_BITS = 34
# A feature agrees when its partner lies within this of where the map puts it, in units of the picture's longer side.
_NEAR = 0.02
# ... and when size and angle agree as well: a factor, and radians.
_SIZE, _ANGLE = 0.6, 0.45
# Maps that squeeze or stretch more than this show no copy.
_MOST_STRETCH = 1.6
_LARGEST, _SMALLEST = 12.0, 1 / 12
# Strangers' pictures share at most a few by chance: see bench/find.py for how many pairs were measured.
MIN_INLIERS = 8


@dataclass(frozen=True, slots=True)
class Agreement:
    """inliers: distinct features that agree with one map. matrix: float64 (2, 3), from pixels of the one picture (the
    suspect's, or query's) to pixels of the other (the registered one). mirrored: the one was mirrored before."""

    inliers: int
    matrix: Floats
    mirrored: bool = False


def agreement(query: Features, registered: Features) -> Agreement | None:
    """The best map of the query, or of its mirror image, onto the registered picture; None without any."""
    plain = _agree(query, registered)
    mirror = _agree(query.mirrored(), registered)
    if mirror is not None and (plain is None or mirror.inliers > plain.inliers):
        flip = np.array([[-1.0, 0.0, query.size[0]], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        return Agreement(mirror.inliers, mirror.matrix @ flip, True)
    return plain


def _agree(query: Features, registered: Features) -> Agreement | None:
    one, other = _pairs(query, registered)
    if len(one) < 3:
        return None
    a, b = query.at[one], registered.at[other]
    scale = np.log2(registered.size_of[other] / query.size_of[one])
    turn = registered.angle[other] - query.angle[one]
    agrees = _votes(a, b, scale, turn)
    best = int(np.argmax(agrees.sum(axis=1)))
    matrix, inside = _refined(a, b, agrees[best])
    if matrix is None:
        return None
    count = min(len(set(one[inside].tolist())), len({tuple(p) for p in b[inside].tolist()}))
    there, here = max(registered.size), max(query.size)
    pixels = np.column_stack([matrix[:, :2] * there / here, matrix[:, 2] * there])
    return Agreement(count, pixels)


def _pairs(query: Features, registered: Features) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indexes of features that are each other's nearest, near enough."""
    if not len(query) or not len(registered):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    x, y = query.bits.view(np.uint64), registered.bits.view(np.uint64)
    bits = np.bitwise_count(x[:, None, :] ^ y[None, :, :]).sum(axis=2, dtype=np.int64)
    forth, back = bits.argmin(axis=1), bits.argmin(axis=0)
    place = np.arange(len(query))
    good = (bits[place, forth] <= MAX_BITS) & ((back[forth] == place) | (bits[place, forth] <= MAX_BITS // 2))
    return place[good], forth[good]


def _votes(a: Floats, b: Floats, scale: Floats, turn: Floats) -> npt.NDArray[np.bool_]:
    """(n, n): whether pair j agrees with the similarity that pair i proposes."""
    factor, cos, sin = 2.0**scale, np.cos(turn), np.sin(turn)
    gap = a[None, :, :] - a[:, None, :]
    x = factor[:, None] * (cos[:, None] * gap[..., 0] - sin[:, None] * gap[..., 1]) + b[:, None, 0]
    y = factor[:, None] * (sin[:, None] * gap[..., 0] + cos[:, None] * gap[..., 1]) + b[:, None, 1]
    away = np.hypot(x - b[None, :, 0], y - b[None, :, 1])
    near = away <= _NEAR + 0.15 * factor[:, None] * np.hypot(gap[..., 0], gap[..., 1])
    turned = np.abs((turn[None, :] - turn[:, None] + np.pi) % (2 * np.pi) - np.pi) <= _ANGLE
    sane = (factor >= _SMALLEST) & (factor <= _LARGEST)
    found: npt.NDArray[np.bool_] = near & turned & (np.abs(scale[None, :] - scale[:, None]) <= _SIZE) & sane[:, None]
    return found


def _refined(a: Floats, b: Floats, inside: npt.NDArray[np.bool_]) -> tuple[Floats | None, npt.NDArray[np.bool_]]:
    """An affine map by least squares, tightened over what agrees with it; None when it is no copy's."""
    matrix = None
    loose = inside.copy()
    for near in (3 * _NEAR, 1.5 * _NEAR, _NEAR, _NEAR):
        if inside.sum() < 4:
            return None, inside
        matrix = _affine(a[inside], b[inside])
        if matrix is None:
            return None, inside
        away = np.hypot(*(a @ matrix[:, :2].T + matrix[:, 2] - b).T)
        inside = loose & (away <= near)
    return matrix, inside


def _affine(a: Floats, b: Floats) -> Floats | None:
    design = np.column_stack([a, np.ones(len(a))])
    matrix = np.linalg.lstsq(design, b, rcond=None)[0].T
    stretch = np.linalg.svd(matrix[:, :2], compute_uv=False)
    if stretch[1] <= 0 or stretch[0] / stretch[1] > _MOST_STRETCH or np.linalg.det(matrix[:, :2]) <= 0:
        return None
    return np.asarray(matrix, np.float64)
