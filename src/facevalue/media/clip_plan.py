"""What is read of a clip and what that may cost: plans, limits, and the pure choice of segments and frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Span = tuple[float, float]
# A frame that comes this much (of a look's interval) before its turn is taken: time stamps are rounded.
_EARLY = 1e-3
# Frames of a run come no sooner than this share of 1 / run_hz after the last: a rate a little above it is not halved.
_RUN_EARLY = 0.95


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """What decoding one clip or sound may cost.

    pixels: of one frame, as stored. memory_bytes: of the worker process. frames: decoded. sound_seconds: kept.
    seconds: how long the parent waits for the worker, all waits together, and what each of the worker's threads may
    compute; to it come seconds_per_s for each second that is to be decoded, up to most_seconds in all.
    stall_seconds: the longest single wait. tracks: of all kinds, above which a file is refused.
    """

    pixels: int = 40_000_000
    memory_bytes: int = 1 << 30
    frames: int = 40_000
    sound_seconds: float = 12 * 3600.0
    seconds: float = 60.0
    seconds_per_s: float = 5.0
    most_seconds: float = 1800.0
    stall_seconds: float = 60.0
    tracks: int = 64

    def budget(self, material_s: float) -> float:
        """Seconds allowed for that many seconds of material."""
        more = self.seconds_per_s * max(material_s, 0.0)
        return min(self.seconds + more, max(self.most_seconds, self.seconds))


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """Which frames are wanted.

    look_hz: looks per second. burst: every burst_every_s seconds, burst_frames consecutive frames at the clip's own
    rate come as well (0: none). A clip longer than whole_up_to_s is sampled: stretches of segment_s seconds, spread
    evenly, whole_up_to_s seconds together. pictures, sound: whether each is read at all.

    run_s: where the clip has sound, stretches of so many seconds in which every frame comes, at most run_hz a second
    (0: none); all of a clip of run_total_s seconds, spread runs of that length together for longer ones.
    """

    look_hz: float = 5.0
    burst_every_s: float = 2.0
    burst_frames: int = 8
    whole_up_to_s: float = 120.0
    segment_s: float = 4.0
    pictures: bool = True
    sound: bool = True
    run_s: float = 0.0
    run_total_s: float = 24.0
    run_hz: float = 30.0


def segments_of(duration_s: float, plan: ReadPlan) -> tuple[Span, ...]:
    """The stretches to decode, (start, end) in seconds: all of it as one, or some spread evenly from start to end."""
    if duration_s <= plan.whole_up_to_s:
        return ((0.0, max(duration_s, 0.0)),)
    count = max(int(plan.whole_up_to_s / plan.segment_s), 1)
    starts = np.linspace(0.0, duration_s - plan.segment_s, count)
    return tuple((round(float(s), 6), round(float(s) + plan.segment_s, 6)) for s in starts)


def runs_of(spans: Sequence[Span], plan: ReadPlan) -> tuple[Span, ...]:
    """The runs, (start, end) in seconds, ascending, within the stretches that are decoded; see ReadPlan.

    spans: those stretches, of their true length. A single stretch of unknown length (0) has its run at its start.
    """
    if plan.run_s <= 0 or plan.run_total_s <= 0 or not spans:
        return ()
    total = sum(end - start for start, end in spans)
    if total <= 0:
        return ((spans[0][0], spans[0][0] + plan.run_total_s),)
    if total <= plan.run_total_s:
        return tuple(spans)
    count = max(int(plan.run_total_s / plan.run_s + 1e-9), 1)
    if len(spans) == 1:
        starts = np.linspace(spans[0][0], max(spans[0][1] - plan.run_s, spans[0][0]), count)
        return tuple((float(s), float(s) + plan.run_s) for s in starts)
    chosen = np.unique(np.linspace(0, len(spans) - 1, min(count, len(spans))).round().astype(int))
    return tuple((spans[i][0], min(spans[i][1], spans[i][0] + plan.run_s)) for i in chosen)


class Schedule:
    """Says of each frame of a stretch, in presentation order, whether it is wanted: as a look, in a burst, in a run.

    runs: see runs_of; without them no frame is in a run.
    """

    def __init__(self, plan: ReadPlan, runs: Sequence[Span] = ()) -> None:
        self._plan = plan
        self._runs, self._run_last = tuple(runs), -np.inf
        self._origin = 0.0
        self._looks_due = 0
        self._bursts_due = 0
        self._left = 0
        self.burst = -1

    def start(self, time_s: float) -> None:
        """A new stretch begins with the frame at time_s; looks and bursts are counted from there."""
        self._origin, self._looks_due, self._bursts_due, self._left = time_s, 0, 0, 0

    def wants(self, time_s: float) -> tuple[bool, int]:
        """(is it a look, number of the burst it is in or -1). Bursts are numbered over the whole clip from 0."""
        at = time_s - self._origin
        return self._look(at), self._in_burst(at)

    def run(self, time_s: float) -> int:
        """Number of the run the frame is in, from 0, or -1: for none, and for frames beyond run_hz."""
        for number, (start, end) in enumerate(self._runs):
            if start - _EARLY <= time_s < end - _EARLY:
                # Whole numbers of frames are left out, so that those that come are evenly spaced.
                if time_s - self._run_last < _RUN_EARLY / self._plan.run_hz:
                    return -1
                self._run_last = time_s
                return number
        return -1

    def _look(self, at: float) -> bool:
        turn = at * self._plan.look_hz + _EARLY
        if turn < self._looks_due:
            return False
        self._looks_due = int(turn) + 1
        return True

    def _in_burst(self, at: float) -> int:
        plan = self._plan
        if plan.burst_frames < 1:
            return -1
        turn = at / plan.burst_every_s + _EARLY
        if self._left == 0 and turn >= self._bursts_due:
            self._bursts_due, self._left = int(turn) + 1, plan.burst_frames
            self.burst += 1
        if self._left == 0:
            return -1
        self._left -= 1
        return self.burst
