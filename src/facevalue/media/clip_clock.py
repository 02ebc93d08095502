"""Time stamps made strictly increasing, as little as possible and with a count of what was done. Pure."""

from __future__ import annotations

# A step back further than this is a new count (recordings joined end to end), not a stray stamp.
JUMP_S = 1.0
_NUDGE_S = 1e-4


class Clock:
    """Gives each frame of a picture track, in presentation order, its time.

    missing: frames without a stamp; repeated: stamps not later than the one before; jumps: (time_s) at which the
    count started anew.
    """

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s if interval_s > 0 else 0.04
        self.last: float | None = None
        self.missing = self.repeated = 0
        self.jumps: list[float] = []
        self._shift = 0.0

    def place(self, raw: float | None) -> float:
        """The time of the next frame. raw: its own stamp in seconds, None when it has none."""
        last = self.last
        if raw is None:
            self.missing += 1
            time_s = 0.0 if last is None else last + self.interval_s
        else:
            time_s = raw + self._shift
            if last is not None and time_s <= last:
                time_s = self._after(last, time_s)
        self.last = time_s
        return time_s

    def _after(self, last: float, time_s: float) -> float:
        if last - time_s > JUMP_S:
            self._shift += last + self.interval_s - time_s
            self.jumps.append(last)
            return last + self.interval_s
        self.repeated += 1
        return last + min(self.interval_s / 2, _NUDGE_S)

    def notes(self) -> list[str]:
        """What had to be done, as plain sentences."""
        out = []
        if self.missing:
            out.append(f"{self.missing} frames have no time stamp; theirs were estimated")
        if self.repeated:
            out.append(f"{self.repeated} frames repeat an earlier time stamp; they were put right behind it")
        if self.jumps:
            where = ", ".join(f"{t:.1f} s" for t in self.jumps[:5])
            out.append(f"the time stamps start anew {len(self.jumps)} times (at {where}); time was counted on")
        return out
