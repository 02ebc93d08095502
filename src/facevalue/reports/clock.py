"""Time as reports print and place it: clock times, and one axis that every row of a time line shares."""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_TICKS = 9
# Steps between ticks, seconds: what a clock face makes easy to read.
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def clock(seconds: float, decimals: int = 0) -> str:
    """Seconds as "m:ss" or "h:mm:ss", with so many decimals; "–" for what is no time."""
    if not math.isfinite(seconds):
        return "–"
    unit = 10**decimals
    units = round(abs(seconds) * unit)
    whole, rest = divmod(units, unit)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
    text += f".{rest:0{decimals}}" if decimals else ""
    return f"-{text}" if seconds < 0 and units else text


def between(start: float, end: float, decimals: int = 0) -> str:
    """ "0:03 to 0:09"."""
    return f"{clock(start, decimals)} to {clock(end, decimals)}"


@dataclass(frozen=True, slots=True)
class Tick:
    """One label of the axis; left: per cent of its width."""

    left: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Seconds from 0 to duration_s (finite, above 0), as per cent of the width of a time line."""

    duration_s: float

    def at(self, seconds: float) -> float:
        """Per cent from the left, 0..100; what lies outside is moved to the nearer end. NaN goes to the left."""
        share = seconds / self.duration_s if math.isfinite(seconds) else 0.0
        return round(100 * min(1.0, max(0.0, share)), 3)

    def clip(self, start: float, end: float) -> tuple[float, float] | None:
        """The part of a span that lies on the axis, seconds; None when there is none, as for NaN."""
        if not (math.isfinite(start) and math.isfinite(end)) or start > end:
            return None
        if end < 0 or start > self.duration_s:
            return None
        return max(0.0, float(start)), min(self.duration_s, float(end))

    def ticks(self) -> tuple[Tick, ...]:
        """At most MAX_TICKS labels, the first at 0."""
        step = next((s for s in _STEPS_S if self.duration_s / s < MAX_TICKS), float(_STEPS_S[-1]))
        while self.duration_s / step >= MAX_TICKS:
            step *= 2
        decimals = 1 if step < 1 else 0
        count = math.floor(self.duration_s / step + 1e-9) + 1
        return tuple(Tick(self.at(i * step), clock(i * step, decimals)) for i in range(count))
