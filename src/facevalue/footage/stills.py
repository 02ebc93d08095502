"""Which frames of a clip are kept whole: a few, spread over it, each from a quiet moment of its stretch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.faces.track_cuts import blank, change, thumbnail
from facevalue.media.clip import Frame

MAX_STILLS = 8
FIRST_STRETCH_S = 1.0
# A still is not taken this close to a cut: compression and cross-fades mix both shots there.
AWAY_FROM_CUT_S = 0.08
MAX_CHANGE = 0.25


class StillKeeper:
    """Keeps the frame that differs least from the one before it, in each stretch of time; stretches double."""

    def __init__(self) -> None:
        self._stretch_s = FIRST_STRETCH_S
        self._best: dict[int, tuple[float, Frame]] = {}
        self._last: npt.NDArray[np.uint8] | None = None

    def offer(self, frame: Frame) -> None:
        """One look, in order of time."""
        thumb = thumbnail(frame.pixels)[None]
        moved = float(change(self._last, thumb)[0]) if self._last is not None else MAX_CHANGE
        self._last = thumb
        if bool(blank(thumb)[0]):
            moved += 2.0
        slot = int(frame.time_s / self._stretch_s)
        if slot not in self._best or moved < self._best[slot][0]:
            self._best[slot] = (moved, frame)
            while len(self._best) > MAX_STILLS:
                self._double()

    def _double(self) -> None:
        self._stretch_s *= 2
        merged: dict[int, tuple[float, Frame]] = {}
        for moved, frame in self._best.values():
            slot = int(frame.time_s / self._stretch_s)
            if slot not in merged or moved < merged[slot][0]:
                merged[slot] = (moved, frame)
        self._best = merged

    def kept(self, cuts: npt.NDArray[np.float64]) -> tuple[Frame, ...]:
        """The stills in order of time, without those beside a cut or in motion, unless nothing else is there."""
        rows = sorted(self._best.values(), key=lambda row: row[1].time_s)
        near = [bool(np.abs(cuts - f.time_s).min() < AWAY_FROM_CUT_S) if len(cuts) else False for _, f in rows]
        quiet = [f for (moved, f), close in zip(rows, near, strict=True) if moved <= MAX_CHANGE and not close]
        return tuple(quiet or [frame for _, frame in rows])
