"""What is read of a clip and what that may cost: plans, limits, and the pure choice of segments and frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Span = tuple[float, float]
# A frame that comes this much (of a look's interval) before its turn is taken: time stamps are rounded.
_EARLY = 1e-3


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
    """

    look_hz: float = 5.0
    burst_every_s: float = 2.0
    burst_frames: int = 8
    whole_up_to_s: float = 120.0
    segment_s: float = 4.0
    pictures: bool = True
    sound: bool = True


def segments_of(duration_s: float, plan: ReadPlan) -> tuple[Span, ...]:
    """The stretches to decode, (start, end) in seconds: all of it as one, or some spread evenly from start to end."""
    if duration_s <= plan.whole_up_to_s:
        return ((0.0, max(duration_s, 0.0)),)
    count = max(int(plan.whole_up_to_s / plan.segment_s), 1)
    starts = np.linspace(0.0, duration_s - plan.segment_s, count)
    return tuple((round(float(s), 6), round(float(s) + plan.segment_s, 6)) for s in starts)


class Schedule:
    """Says of each frame of a stretch, in presentation order, whether it is wanted: as a look, in a burst, or both."""

    def __init__(self, plan: ReadPlan) -> None:
        self._plan = plan
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
