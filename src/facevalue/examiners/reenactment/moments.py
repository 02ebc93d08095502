"""From a track to moments: one row of values for each look, at the look's time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.examiners.reenactment.geometry import Aligned, aligned
from facevalue.examiners.reenactment.motion import BURST_NAMES, COURSE_NAMES, burst_row, course_row
from facevalue.examiners.reenactment.texture import PAIR_NAMES, VIEW_NAMES, flow, pair_row, view_row
from facevalue.faces import Track, TrackView

Floats = npt.NDArray[np.float64]

# Faces smaller than this are enlarged to the template, and then have no fine texture of their own.
MIN_FACE_PX = 56
MAX_MOMENTS = 16
# Looks are compared with the next one, and with the one closest to this far away.
FAR_S = 1.0
# Below this many looks, or this many seconds, there is too little motion to compare.
MIN_VIEWS = 6
MIN_SPAN_S = 1.2

# Groups of values, the heads of NAMES, and how many values each has.
GROUPS = {
    "look": len(VIEW_NAMES),
    "next": len(PAIR_NAMES),
    "far": len(PAIR_NAMES),
    "burst": len(BURST_NAMES),
    "course": len(COURSE_NAMES),
}
NAMES = (
    *(f"look: {name}" for name in VIEW_NAMES),
    *(f"next: {name}" for name in PAIR_NAMES),
    *(f"far: {name}" for name in PAIR_NAMES),
    *(f"burst: {name}" for name in BURST_NAMES),
    *(f"course: {name}" for name in COURSE_NAMES),
)


@dataclass(frozen=True, slots=True)
class Moments:
    """times: float64 (n,), seconds. rows: float64 (n, len(NAMES)); NaN where a value could not be had."""

    times: Floats
    rows: Floats


def large_views(track: Track) -> tuple[TrackView, ...]:
    """The looks at faces that are large enough, in order of time."""
    return tuple(view for view in track.views if view.face.size_px >= MIN_FACE_PX)


def why_not(track: Track) -> str | None:
    """The reason for which a track is not judged, as half a sentence; None when it can be."""
    large = large_views(track)
    if not track.views:
        return "it was followed without being looked at closely"
    if not large:
        size = max(view.face.size_px for view in track.views)
        return f"its face is {size:.0f} px wide, below {MIN_FACE_PX} px"
    if len(large) < MIN_VIEWS:
        return f"it has {len(large)} looks, fewer than {MIN_VIEWS}"
    span = large[-1].time_s - large[0].time_s
    if span < MIN_SPAN_S:
        return f"it lasts {span:.1f} s, less than {MIN_SPAN_S} s"
    return None


def moments(track: Track, groups: Collection[str] = GROUPS) -> Moments:
    """The rows of a track that why_not lets pass: of at most MAX_MOMENTS looks, spread over it.

    groups: those of GROUPS that are wanted; values of the others are NaN and cost nothing.
    """
    views = large_views(track)
    at = np.array([view.time_s for view in views], np.float64)
    chosen = np.unique(np.linspace(0, len(views) - 1, min(len(views), MAX_MOMENTS)).round().astype(int))
    pairs = _Pairs([aligned(view.crop, view.in_crop.landmarks) for view in views])
    empty = {name: [np.nan] * size for name, size in GROUPS.items()}
    bursts = _bursts(track, at[chosen]) if "burst" in groups else [empty["burst"]] * len(chosen)
    course = course_row(track) if "course" in groups else empty["course"]
    rows = []
    for i, burst in zip(chosen.tolist(), bursts, strict=True):
        near = min(i, len(views) - 2)
        far = int(np.argmin(np.where(at == at[i], np.inf, np.abs(np.abs(at - at[i]) - FAR_S))))
        look = view_row(pairs.faces[i]) if "look" in groups else empty["look"]
        rows.append([*look, *pairs.row(near, near + 1), *pairs.row(min(i, far), max(i, far)), *burst, *course])
    return Moments(at[chosen], np.array(rows, np.float64).reshape(len(chosen), len(NAMES)))


class _Pairs:
    """Rows of pairs of looks, each measured once."""

    def __init__(self, faces: list[Aligned]) -> None:
        self.faces = faces
        self._rows: dict[tuple[int, int], list[float]] = {}

    def row(self, first: int, second: int) -> list[float]:
        if (first, second) not in self._rows:
            one, two = self.faces[first], self.faces[second]
            self._rows[first, second] = pair_row(one, two, flow(one.luma, two.luma))
        return self._rows[first, second]


def _bursts(track: Track, times: Floats) -> list[list[float]]:
    """The row of the burst nearest to each time."""
    if not track.bursts:
        return [[np.nan] * len(BURST_NAMES)] * len(times)
    rows = [burst_row(burst) for burst in track.bursts]
    middles = np.array([float(np.mean(burst.time_s)) for burst in track.bursts])
    return [rows[int(np.argmin(np.abs(middles - t)))] for t in times]


__all__ = [
    "MAX_MOMENTS",
    "MIN_FACE_PX",
    "MIN_SPAN_S",
    "MIN_VIEWS",
    "NAMES",
    "Moments",
    "large_views",
    "moments",
    "why_not",
]
