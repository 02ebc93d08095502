"""Who is driven: a picture that stands still, or a clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.exhibit import Exhibit, is_clip_type
from facevalue.faces.embed import embed_face
from facevalue.lab.reenactment import mouths
from facevalue.lab.reenactment.watching import Watched, frames_of, smooth, watch_clip, watch_picture
from facevalue.media import decode

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]

LONGEST_SIDE_PX = 1280
# Of a clip's mouth, slower changes than this are its pose.
_POSE_S = 0.4
_CHECK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame to be driven. five: landmarks; own: its lips, (22, 2), frame pixels; closed: its mouth closed, see
    mouths. All None where no face is followed."""

    time_s: float
    pixels: Pixels
    five: Points | None = None
    own: Points | None = None
    closed: Points | None = None


class Portrait(Protocol):
    """A face that can be driven."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every frame."""
        ...

    def fps(self, driver: int) -> int:
        """Frames a second of the result, when the driver has that many."""
        ...

    def shots(self, duration_s: float, fps: int) -> Iterator[Shot]:
        """Frames in order."""
        ...

    def faces(self) -> Iterator[npt.NDArray[np.float32]]:
        """Embeddings of the face that is driven."""
        ...


@dataclass(frozen=True, slots=True)
class Still:
    """A picture, at most LONGEST_SIDE_PX a side."""

    pixels: Pixels
    five: Points
    own: Points
    size: tuple[int, int]

    def fps(self, driver: int) -> int:
        """See Portrait."""
        return driver

    def shots(self, duration_s: float, fps: int) -> Iterator[Shot]:
        """See Portrait."""
        closed = mouths.closed(mouths.to_mouth(self.own, self.five))
        for i in range(max(2, int(duration_s * fps))):
            yield Shot(i / fps, self.pixels, self.five, self.own, closed)

    def faces(self) -> Iterator[npt.NDArray[np.float32]]:
        """See Portrait."""
        yield embed_face(self.pixels, self.five)


@dataclass(frozen=True, slots=True)
class Moving:
    """A clip; frames in which the face is not followed stay as they are."""

    path: Path
    watched: Watched
    size: tuple[int, int]

    def fps(self, driver: int) -> int:
        """See Portrait."""
        return self.watched.fps

    def shots(self, duration_s: float, fps: int) -> Iterator[Shot]:
        """See Portrait. Ends with the shorter of the two."""
        seen = self.watched
        rest = np.stack([mouths.closed(mouths.to_mouth(a, b)) for a, b in zip(seen.lips, seen.five, strict=True)])
        rest = smooth(rest, _POSE_S * seen.fps)
        for time_s, pixels in frames_of(self.path):
            if time_s > duration_s:
                return
            at = int(np.argmin(np.abs(seen.time_s - time_s)))
            if abs(float(seen.time_s[at]) - time_s) > 0.5 / seen.fps:
                yield Shot(time_s, pixels)
            else:
                yield Shot(time_s, pixels, seen.five[at], seen.lips[at], rest[at])

    def faces(self) -> Iterator[npt.NDArray[np.float32]]:
        """See Portrait. One each second: whoever comes into the face's place later is asked for as well."""
        due = float(self.watched.time_s[0])
        for time_s, pixels in frames_of(self.path):
            if time_s >= due and time_s <= self.watched.time_s[-1]:
                at = int(np.argmin(np.abs(self.watched.time_s - time_s)))
                yield embed_face(pixels, self.watched.five[at])
                due = time_s + _CHECK_EVERY_S


def portrait_of(path: Path) -> Portrait:
    """Raises UsageError without a face, DecodeError or UnreadableError."""
    exhibit = Exhibit.open(path)
    if is_clip_type(exhibit.media_type):
        watched = watch_clip(path)
        return Moving(path, watched, watched.size)
    pixels = decode(exhibit).picture.pixels
    scale = min(1.0, LONGEST_SIDE_PX / max(pixels.shape[:2]))
    size = tuple(max(2, int(side * scale) // 2 * 2) for side in (pixels.shape[1], pixels.shape[0]))
    if scale < 1:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    pixels = np.ascontiguousarray(pixels[: size[1], : size[0]])
    face, lips = watch_picture(pixels)
    return Still(pixels, face.landmarks, lips, (size[0], size[1]))


__all__ = ["Moving", "Portrait", "Shot", "Still", "portrait_of"]
