"""Time stamps: gaps, a variable frame rate, and whether pictures and sound begin and end together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facevalue.examiners.container.series import Stretch
from facevalue.media.clip import Sound

# Steps that differ by more than this share of the usual one count as varying; a clip with more of them than VFR_SHARE
# has a variable rate, as phones, screen recorders and browsers write it.
STEP_TOLERANCE = 0.25
VFR_SHARE = 0.1
# A gap is this many usual steps, and with a variable rate this many times the 99th percentile.
GAP_STEPS = 1.9
VFR_GAP = 3.0
# Containers cut sound into frames of 20 to 64 ms, and encoders pad both ends.
LENGTH_TOLERANCE_S = 0.25
START_TOLERANCE_S = 0.15


@dataclass(frozen=True, slots=True)
class Gap:
    """frame: the first one after the gap. seconds: from the frame before it. missing: frames that would fit in."""

    frame: int
    seconds: float
    missing: int


@dataclass(frozen=True, slots=True)
class Rate:
    """step_s: the usual one. varying: share of steps that differ from it. variable: whether that is a variable rate."""

    step_s: float
    varying: float
    variable: bool


def rate(stretch: Stretch) -> Rate:
    """The frame rate of a stretch and how steady it is. One step more or less of a clock's tick is steady."""
    steps = np.diff(stretch.time_s)
    usual = stretch.frame_s
    varying = float((np.abs(steps - usual) > STEP_TOLERANCE * usual).mean()) if steps.size else 0.0
    return Rate(round(usual, 5), round(varying, 4), varying > VFR_SHARE)


def gaps(stretch: Stretch, most: int = 20) -> list[Gap]:
    """Places where time goes on without a frame, the longest first."""
    steps = np.diff(stretch.time_s)
    if not steps.size:
        return []
    known = rate(stretch)
    least = GAP_STEPS * known.step_s
    if known.variable:
        least = max(least, VFR_GAP * float(np.percentile(steps, 99)))
    places = np.flatnonzero(steps > least)
    places = places[np.argsort(-steps[places])][:most]
    return [
        Gap(int(i) + 1, round(float(steps[i]), 4), max(round(float(steps[i]) / known.step_s) - 1, 1)) for i in places
    ]


@dataclass(frozen=True, slots=True)
class Lengths:
    """Seconds by which sound starts after (start) and ends after (end) the pictures; negative: before."""

    start: float
    end: float

    @property
    def excess(self) -> float:
        """Seconds beyond what recorders and encoders leave."""
        return max(abs(self.end) - LENGTH_TOLERANCE_S, 0.0) + max(abs(self.start) - START_TOLERANCE_S, 0.0)


def lengths(first_s: float, last_s: float, step_s: float, sound: Sound) -> Lengths:
    """How far sound and pictures differ at both ends. first_s, last_s: times of the first and last frame."""
    end = sound.start_s + sound.duration_s
    return Lengths(round(sound.start_s - first_s, 3), round(end - (last_s + step_s), 3))
