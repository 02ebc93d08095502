"""Frames that repeat the one before: what a rate conversion leaves, what a still scene is, and what is neither.

Conversions repeat frames in a steady cadence (24 to 30 frames a second: every fifth; 10 to 25: two in five); that is
innocent. A still scene repeats frames and nothing moves around them; innocent too. What is left is a frozen stretch
between movements.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from facevalue.examiners.container.series import MOTION_LEVEL, Bools, Stretch

MIN_FREEZE_FRAMES = 3
MIN_FREEZE_S = 0.12
# What refinement may change of a frame that is shown again, as a share of the usual difference, and for how long.
REFINED_SHARE = 0.15
REFINED_FRAMES = 8
# Copies in a cadence come as often in every part of the clip: this share of the distances between them takes two
# neighbouring values, and they run through at least half of the moving part.
CADENCE_SHARE = 0.8
CADENCE_REACH = 0.5
MIN_CADENCE = 6


@dataclass(frozen=True, slots=True)
class Freeze:
    """A stretch that stands still between movements. start, end: frames, end exclusive, the repeated ones."""

    start: int
    end: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Cadence:
    """A steady rhythm of copies. every: mean distance in frames. share: of frames that are copies. runs: bool (n,)."""

    every: float
    share: float


def runs(mask: Bools) -> list[tuple[int, int]]:
    """(start, end) of each run of True, end exclusive."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def cadence(stretch: Stretch) -> Cadence | None:
    """The rhythm of single copies that a change of the frame rate leaves; None without one."""
    places = np.flatnonzero(stretch.copies & stretch.moving)
    if len(places) < MIN_CADENCE:
        return None
    steps = np.diff(places)
    values, counts = np.unique(steps, return_counts=True)
    best = max(
        ((int(v), int(counts[(values >= v) & (values <= v + 1)].sum())) for v in values), key=lambda item: item[1]
    )
    # Several new frames may stand for one old frame (10 to 25 a second): runs and gaps both keep their length.
    patterned = best[1] >= CADENCE_SHARE * len(steps) or _alternates(stretch, steps)
    moving = np.flatnonzero(stretch.moving)
    reach = (places[-1] - places[0]) / max(moving[-1] - moving[0], 1)
    if not patterned or reach < CADENCE_REACH:
        return None
    return Cadence(round(float(steps.mean()), 2), round(len(places) / len(stretch), 3))


def _alternates(stretch: Stretch, steps: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> bool:
    """Whether new pictures come at a steady rate: the distances between frames that are no copies take two values."""
    fresh = np.diff(np.flatnonzero(~stretch.copies & stretch.moving))
    if len(fresh) < MIN_CADENCE or float(np.median(fresh)) < 2:
        return False
    low = int(np.median(fresh))
    near = max(((fresh >= v) & (fresh <= v + 1)).mean() for v in (low - 1, low))
    return bool(near >= CADENCE_SHARE and len(steps) > 0)


def freezes(stretch: Stretch) -> list[Freeze]:
    """Frozen stretches between movements, in a clip that moves otherwise; runs that a cadence explains are left out."""
    moving_share = float((np.nan_to_num(stretch.diff) > MOTION_LEVEL).mean())
    if moving_share < 0.3:
        return []  # a slide show or a screen: standing still is what it does
    longest = 0 if cadence(stretch) is None else _usual_run(stretch)
    shortest = max(MIN_FREEZE_FRAMES, round(MIN_FREEZE_S / stretch.frame_s), longest + 2)
    found = []
    for start, end in runs(_bridged(stretch)):
        if end - start < shortest or start < 2 or end > len(stretch) - 2:
            continue  # at the ends of a clip a still is a title or a tail
        before, after = _around(stretch, start, -1), _around(stretch, end, 1)
        if min(before, after) > MOTION_LEVEL:
            found.append(Freeze(start, end, round(before, 3), round(after, 3)))
    return found


def _bridged(stretch: Stretch) -> Bools:
    """Copies, and between or beside them frames that only a key frame or an encoder's refinement sets apart.

    An encoder that is handed the same frame again still improves it for a few frames before it skips everything.
    """
    held = stretch.copies
    small = np.nan_to_num(stretch.diff, nan=np.inf) < REFINED_SHARE * stretch.usual
    for _ in range(REFINED_FRAMES):
        beside = np.zeros_like(held)
        beside[:-1] |= held[1:]
        beside[1:] |= held[:-1]
        held = held | (beside & small)
    between = np.zeros_like(held)
    between[1:-1] = held[:-2] & held[2:]
    return np.asarray(held | (between & stretch.key), np.bool_)


def _usual_run(stretch: Stretch) -> int:
    lengths = [end - start for start, end in runs(stretch.copies & stretch.moving)]
    return int(np.percentile(lengths, 90)) if lengths else 0


def _around(stretch: Stretch, at: int, side: int) -> float:
    """Median difference of the five frames before or after a run."""
    part = stretch.diff[max(at - 5, 1) : at] if side < 0 else stretch.diff[at : at + 5]
    part = part[np.isfinite(part)]
    return float(np.median(part)) if part.size else 0.0


def longest_pause(found: list[Freeze]) -> int:
    """Frames of the longest freeze, 0 without one."""
    return max((f.end - f.start for f in found), default=0)


def separate(found: list[Freeze]) -> bool:
    """Whether the freezes lie apart (a stuttering recording) rather than being one."""
    return any(b.start - a.end > 1 for a, b in pairwise(found))
