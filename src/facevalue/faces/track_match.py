"""Which detection continues which track: geometry and identity joined. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

Box = tuple[float, float, float, float]
Array = npt.NDArray[np.float64]

# Cosines of SFace embeddings. Published operating point for "the same person": .363. Between looks of one person in
# one clip .43 or more is usual with the face towards the camera; between persons .4 is rare.
SAME_PERSON = 0.40
OTHER_PERSON = 0.25
# How much a cosine counts beside an intersection over union, where both are known.
IDENTITY_WEIGHT = 2.0
MAX_EXACT = 6
FORBIDDEN = -1e6


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes x, y, width, height."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    inner = width * height
    return float(inner / max(a[2] * a[3] + b[2] * b[3] - inner, 1e-9))


def nearness(a: Box, b: Box, seconds: float) -> float:
    """How well b continues a after so many seconds, 0 (impossible) .. 1: overlap, or else distance and size.

    A face may move about two of its widths in a second, and grow or shrink by half.
    """
    size = float((a[2] * a[3] * b[2] * b[3]) ** 0.25)
    ratio = max(a[2], b[2]) / max(min(a[2], b[2]), 1e-9)
    gap = float(np.hypot(a[0] + a[2] / 2 - b[0] - b[2] / 2, a[1] + a[3] / 2 - b[1] - b[3] / 2))
    reach = size * (0.5 + 2.0 * min(seconds, 1.0))
    if ratio > 1.5 + 1.5 * min(seconds, 1.0) or gap > reach:
        return 0.0
    return max(iou(a, b), 0.3 * (1.0 - gap / reach), 1e-3)


def affinity(near: float, cosine: float | None, identity_needed: bool) -> float:
    """Score of one pairing. cosine None: identity not known. identity_needed: geometry alone is no proof here."""
    if near <= 0:
        return FORBIDDEN
    if cosine is None:
        return FORBIDDEN if identity_needed and near < 0.3 else near
    if cosine < (SAME_PERSON if identity_needed else OTHER_PERSON):
        return FORBIDDEN
    return near + IDENTITY_WEIGHT * cosine


def assign(scores: Array) -> list[tuple[int, int]]:
    """Pairs (row, column) with the largest sum of scores; FORBIDDEN pairs are never made.

    Exact up to MAX_EXACT rows or columns by trying all orders; greedy beyond that.
    """
    rows, columns = scores.shape
    if not rows or not columns:
        return []
    if min(rows, columns) > MAX_EXACT or max(rows, columns) > MAX_EXACT + 1:
        return _greedy(scores)
    if rows > columns:
        return [(r, c) for c, r in assign(scores.T)]
    useful = np.maximum(scores, 0.0)
    best = max(permutations(range(columns), rows), key=lambda order: sum(useful[r, c] for r, c in enumerate(order)))
    return [(r, c) for r, c in enumerate(best) if scores[r, c] > 0]


def _greedy(scores: Array) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    taken_rows: set[int] = set()
    taken_columns: set[int] = set()
    for flat in np.argsort(-scores, axis=None, kind="stable"):
        r, c = (int(v) for v in np.unravel_index(flat, scores.shape))
        if scores[r, c] <= 0:
            break
        if r not in taken_rows and c not in taken_columns:
            out.append((r, c))
            taken_rows.add(r)
            taken_columns.add(c)
    return out


def persons(
    galleries: Sequence[npt.NDArray[np.float32]], spans: Sequence[tuple[float, float]], threshold: float = SAME_PERSON
) -> list[int]:
    """A person's number for each track, from 1 in the order given: tracks that look alike and never meet.

    galleries: float32 (k, 128) for each track, perhaps with k = 0. spans: first and last time. Average linkage: two
    groups become one while the mean cosine of their mean embeddings is at least the threshold.
    """
    groups = [[i] for i in range(len(galleries))]
    means = [_mean(g) for g in galleries]
    while True:
        best, pair = threshold, None
        for a in range(len(groups)):
            for b in range(a + 1, len(groups)):
                likeness = _likeness(groups[a], groups[b], means, spans)
                if likeness >= best:
                    best, pair = likeness, (a, b)
        if pair is None:
            break
        groups[pair[0]] += groups.pop(pair[1])
    out = [0] * len(galleries)
    for number, group in enumerate(sorted(groups, key=min), 1):
        for i in group:
            out[i] = number
    return out


def _mean(gallery: npt.NDArray[np.float32]) -> Array | None:
    if not len(gallery):
        return None
    mean = gallery.astype(np.float64).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float64)


def _likeness(
    one: Sequence[int], other: Sequence[int], means: Sequence[Array | None], spans: Sequence[tuple[float, float]]
) -> float:
    cosines = []
    for i in one:
        for j in other:
            a, b = means[i], means[j]
            together = min(spans[i][1], spans[j][1]) - max(spans[i][0], spans[j][0])
            if a is None or b is None or together > 0:
                return -1.0
            cosines.append(float(a @ b))
    return float(np.mean(cosines))
