"""Groups of pictures, quantisers and bit rate: key frames off their grid, and places where the encoding itself changes.

An encoder with a fixed distance between key frames leaves that grid only at a change of scene or at the end. Two
streams that were joined without encoding again begin anew at the joint: key frame, quantiser, spending change together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facevalue.examiners.container.series import Bools, Stretch

MIN_KEYS = 4
FIXED_SHARE = 0.6
NEAR_SCENE = 3
QP_STEP = 6.0
SPENDING_RATIO = 2.5
MIN_SIDE = 10


@dataclass(frozen=True, slots=True)
class Groups:
    """period: commonest distance between key frames, 0 when there is none. share: of the distances that have it."""

    period: int
    share: float
    keys: int
    intra_only: bool


@dataclass(frozen=True, slots=True)
class OffGrid:
    """A key frame off the fixed grid and not at a change of scene. distance: frames since the key frame before."""

    frame: int
    distance: int


@dataclass(frozen=True, slots=True)
class Change:
    """A key frame at which the encoding changes. qp: step of the mean quantiser. spending: ratio of packet sizes."""

    frame: int
    qp: float | None
    spending: float


def groups(stretch: Stretch) -> Groups:
    """The distances between key frames."""
    places = np.flatnonzero(stretch.key)
    steps = np.diff(places)
    if not steps.size:
        return Groups(0, 0.0, len(places), False)
    values, counts = np.unique(steps, return_counts=True)
    top = int(np.argmax(counts))
    return Groups(int(values[top]), round(float(counts[top] / counts.sum()), 3), len(places), bool((steps == 1).all()))


def off_grid(stretch: Stretch, scene: Bools) -> list[OffGrid]:
    """Key frames that come too early on an otherwise fixed grid, without a change of scene within NEAR_SCENE frames."""
    known = groups(stretch)
    if known.keys < MIN_KEYS or known.share < FIXED_SHARE or known.period < 4:
        return []
    places = np.flatnonzero(stretch.key)
    cuts = np.flatnonzero(scene)
    found = []
    for before, here in zip(places[:-1].tolist(), places[1:].tolist(), strict=True):
        near = cuts.size and np.abs(cuts - here).min() <= NEAR_SCENE
        if here - before < known.period and not near:
            found.append(OffGrid(here, here - before))
    return found


def changes(stretch: Stretch, scene: Bools, most: int = 6) -> list[Change]:
    """Key frames at which quantiser or spending steps while the picture goes on."""
    places = np.flatnonzero(stretch.key)
    edges = [*places.tolist(), len(stretch)]
    cuts = np.flatnonzero(scene)
    found = []
    for i, here in enumerate(places.tolist()):
        before = slice(edges[i - 1] + 1 if i else 0, here)
        after = slice(here + 1, edges[i + 1])
        near = cuts.size and np.abs(cuts - here).min() <= NEAR_SCENE
        if i == 0 or near or min(before.stop - before.start, after.stop - after.start) < MIN_SIDE:
            continue
        qp = _median(stretch.qp[after]) - _median(stretch.qp[before])
        spending = _spending(stretch, after) - _spending(stretch, before)
        far = abs(spending) > np.log(SPENDING_RATIO) if np.isfinite(spending) else False
        if far or (np.isfinite(qp) and abs(qp) >= QP_STEP):
            known = round(float(qp), 2) if np.isfinite(qp) else None
            found.append(Change(here, known, round(float(np.exp(np.nan_to_num(spending))), 3)))
    return sorted(found, key=lambda c: -abs(np.log(c.spending)))[:most]


def _median(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else float("nan")


def _spending(stretch: Stretch, part: slice) -> float:
    """Median log size of packets less the logarithm of the movement they pay for."""
    moved = np.maximum(np.nan_to_num(stretch.diff[part]), 0.2)
    return _median(stretch.log_bytes[part] - np.log(moved))
