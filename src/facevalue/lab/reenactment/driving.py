"""What a driver's mouth and eyes do, free of whose they are, at any time of the drive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.examiners.lips.mouth import INNER_AT
from facevalue.lab.edits.edit import Rng
from facevalue.lab.reenactment import mouths
from facevalue.lab.reenactment.blinking import drawn_blinks, seen_blinks
from facevalue.lab.reenactment.inside import Inside
from facevalue.lab.reenactment.speaking import Talk
from facevalue.lab.reenactment.watching import Watched, smooth

Points = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float32]
Times = npt.NDArray[np.float64]

# Slower changes of where the mouth lies on the face are the head's, not the mouth's.
_POSE_S = 0.7
_DOWN = (0.75, 1.05)


class Drive(Protocol):
    """A mouth and lids over time."""

    @property
    def duration_s(self) -> float:
        """Of what drives, seconds."""
        ...

    @property
    def fps(self) -> int:
        """Frames a second of what drives."""
        ...

    def mouth(self, time_s: float, closed: Points) -> Points:
        """The portrait's closed mouth, (22, 2) in eye distances (see mouths), as it is at this time."""
        ...

    def lids(self, time_s: float) -> float:
        """How far the eyes are closed, 0..1."""
        ...

    def inside(self, time_s: float) -> Inside | None:
        """The inside of the driver's mouth, where one was seen."""
        ...


@dataclass(frozen=True, slots=True)
class ClipDrive:
    """Another face. offsets: float32 (n, 22, 2) from its closed mouth, eye distances; width: of that."""

    time_s: Times
    offsets: Points
    width: float
    closing: Floats
    watched: Watched
    fps: int

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return float(self.time_s[-1]) + 1 / self.fps

    def mouth(self, time_s: float, closed: Points) -> Points:
        """See Drive."""
        scale = mouths.width(closed) / self.width
        at, share = _between(self.time_s, time_s)
        offset = (1 - share) * self.offsets[at] + share * self.offsets[min(at + 1, len(self.offsets) - 1)]
        # Wider mouths open wider, but not by as much.
        down = float(np.clip(scale, *_DOWN))
        return np.asarray(closed + offset * np.array([scale, down], np.float32), np.float32)

    def lids(self, time_s: float) -> float:
        """See Drive."""
        return float(np.interp(time_s, self.time_s, self.closing))

    def inside(self, time_s: float) -> Inside | None:
        """See Drive."""
        at, share = _between(self.time_s, time_s)
        at = min(at + (share > 0.5), len(self.watched.looks) - 1)
        look = self.watched.looks[at]
        if look is None:
            return None
        contour = self.watched.lips[at][INNER_AT] - (look.left, look.top)
        return Inside(look.mouth, np.asarray(contour, np.float32), look.skin)


def _between(times: Times, time_s: float) -> tuple[int, float]:
    at = int(np.clip(np.searchsorted(times, time_s, side="right") - 1, 0, len(times) - 1))
    if at + 1 >= len(times):
        return at, 0.0
    return at, float(np.clip((time_s - times[at]) / max(times[at + 1] - times[at], 1e-6), 0, 1))


def drive_of(watched: Watched) -> ClipDrive:
    """The drive that a watched face gives. Raises UsageError when its mouth never closes enough to know it closed."""
    shapes = np.stack([mouths.to_mouth(lips, five) for lips, five in zip(watched.lips, watched.five, strict=True)])
    gaps = np.array([mouths.gap(shape) for shape in shapes])
    rest = shapes[gaps <= np.quantile(gaps, 0.2)]
    neutral = mouths.closed(np.median(rest, axis=0).astype(np.float32))
    width = mouths.width(neutral)
    if width < 0.2:
        raise UsageError("the driver's mouth cannot be followed: it faces away")
    offsets = shapes - neutral
    corners = offsets[:, list(mouths.OUTER_CORNERS)].mean(axis=1, keepdims=True)
    offsets = offsets - smooth(np.asarray(corners, np.float32), _POSE_S * watched.fps)
    eyes = [look.eyes for look in watched.looks if look is not None]
    closing = np.zeros(len(shapes), np.float32)
    if eyes:
        known = np.array([t for t, look in zip(watched.time_s, watched.looks, strict=True) if look is not None])
        closing = np.interp(watched.time_s, known, seen_blinks(np.stack(eyes), watched.fps)).astype(np.float32)
    return ClipDrive(watched.time_s, offsets.astype(np.float32), width, closing, watched, watched.fps)


@dataclass(frozen=True, slots=True)
class SpeechDrive:
    """Speech alone; blinks are drawn."""

    talk: Talk
    closing: Floats
    fps: int = 25

    @classmethod
    def of(cls, talk: Talk, rng: Rng) -> SpeechDrive:
        """The drive that speech gives."""
        return cls(talk, drawn_blinks(talk.time_s, rng))

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.talk.duration_s

    def mouth(self, time_s: float, closed: Points) -> Points:
        """See Drive."""
        by, wider, rounder = (float(np.interp(time_s, self.talk.time_s, row)) for row in self.talk.shapes.T)
        return mouths.opened(closed, by, wider, rounder)

    def lids(self, time_s: float) -> float:
        """See Drive."""
        return float(np.interp(time_s, self.talk.time_s, self.closing))

    def inside(self, time_s: float) -> Inside | None:
        """See Drive."""
        return None


__all__ = ["ClipDrive", "Drive", "SpeechDrive", "drive_of"]
