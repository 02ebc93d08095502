"""Faces frame by frame: the five landmarks and the lips of the one face that is followed, steadied over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError, UsageError
from facevalue.exhibit import Exhibit
from facevalue.faces import Face, detect_faces
from facevalue.lab.edits.face_parts import lips_of
from facevalue.lab.reenactment.inside import skin_of
from facevalue.media import ClipLimits, ReadPlan, open_clip

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]

SMALLEST_FACE_PX = 48
LONGEST_S = 60.0
MOST_FRAMES = 1800
LOOK_PX, NEAR_PX = 640, 224
MOST_HZ = 60.0
EYE_PX = 40
# Shorter losses of the face are bridged.
MOST_LOST_S = 0.5
# Spread of the Gaussian in time by which landmarks are steadied, seconds: jitter is faster than heads and lips are.
STEADY_FACE_S, STEADY_LIPS_S = 0.06, 0.02


@dataclass(frozen=True, slots=True)
class Watched:
    """One face over time. time_s: float64 (n,), of the clip. five: float32 (n, 5, 2), see Face. lips: float32 (n, 22,
    2), see examiners.lips.mouth. All in frame pixels. fps: whole frames a second. size: width and height. looks: what
    was kept of each frame's pixels, (n,)."""

    time_s: npt.NDArray[np.float64]
    five: Points
    lips: Points
    fps: int
    size: tuple[int, int]
    looks: tuple[Look | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of one frame. mouth: RGB around the lips, uint8, its left and top in the frame. eyes: grey, upright,
    uint8 (2, EYE_PX // 2, EYE_PX). skin: median colour of the cheeks, float32 (3,)."""

    mouth: Pixels
    left: int
    top: int
    eyes: Pixels
    skin: npt.NDArray[np.float32]

    @classmethod
    def of(cls, pixels: Pixels, five: Points, lips: Points) -> Look:
        """The look at one frame."""
        span = float(np.hypot(*(five[1] - five[0])))
        margin = max(4.0, 0.35 * span)
        low, high = lips[:20].min(axis=0) - margin, lips[:20].max(axis=0) + margin
        left, top = (int(np.clip(low[i], 0, pixels.shape[1 - i] - 2)) for i in (0, 1))
        right, bottom = (int(np.clip(high[i], (left, top)[i] + 2, pixels.shape[1 - i])) for i in (0, 1))
        eyes = np.stack([_eye(pixels, five, i) for i in (0, 1)])
        return cls(pixels[top:bottom, left:right].copy(), left, top, eyes, skin_of(pixels, five))


def _eye(pixels: Pixels, five: Points, which: int) -> Pixels:
    across = five[1] - five[0]
    span = max(float(np.hypot(*across)), 1.0)
    scale = EYE_PX / (0.5 * span)
    turn = scale * np.array([[across[0], across[1]], [-across[1], across[0]]]) / span
    shift = np.array([EYE_PX / 2, EYE_PX / 4]) - turn @ five[which]
    grey = cv2.warpAffine(
        pixels, np.column_stack([turn, shift]), (EYE_PX, EYE_PX // 2), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY), np.uint8)


def frames_of(path: Path) -> Iterator[tuple[float, Pixels]]:
    """Times and upright RGB frames of a clip, decoded in the limited process, at most LONGEST_S and MOST_FRAMES.

    Sides are even, as encoders want them. Raises DecodeError or UnreadableError.
    """
    plan = ReadPlan(look_hz=MOST_HZ * 2, burst_frames=0, sound=False, whole_up_to_s=24 * 3600.0)
    with open_clip(Exhibit.open(path), ClipLimits(), plan) as clip:
        start = 0.0
        for count, frame in enumerate(clip):
            start = frame.time_s if count == 0 else start
            if frame.time_s - start > LONGEST_S or count == MOST_FRAMES:
                return
            height, width = (side // 2 * 2 for side in frame.pixels.shape[:2])
            yield frame.time_s - start, np.asarray(frame.pixels[:height, :width], np.uint8)


def watch_clip(path: Path) -> Watched:
    """The largest face of a clip's first frames, followed to the end or to where it is lost for good.

    Raises UsageError when no face is there, DecodeError or UnreadableError when the clip cannot be read.
    """
    times: list[float] = []
    found: list[Points | None] = []
    lips: list[Points | None] = []
    looks: list[Look | None] = []
    size = (0, 0)
    last: Points | None = None
    for time_s, pixels in frames_of(path):
        size = (pixels.shape[1], pixels.shape[0])
        face = _look(pixels, last)
        times.append(time_s)
        found.append(None if face is None else face.landmarks)
        at = None if face is None else lips_of(pixels, face.landmarks)
        lips.append(at)
        looks.append(None if face is None or at is None else Look.of(pixels, face.landmarks, at))
        last = last if face is None else face.landmarks
    if len(times) < 2:
        raise DecodeError("it has no two frames")
    return _steady(np.array(times), found, lips, looks, size)


def watch_picture(pixels: Pixels) -> tuple[Face, Points]:
    """The largest face of a picture and its lips, float32 (22, 2). Raises UsageError when there is none."""
    face = next(iter(detect_faces(pixels, 1)), None)
    if face is None or face.size_px < SMALLEST_FACE_PX:
        raise UsageError(f"no face of at least {SMALLEST_FACE_PX} px")
    return face, lips_of(pixels, face.landmarks)


def _look(pixels: Pixels, last: Points | None) -> Face | None:
    """The face that is followed: near where it was, or else anywhere; at first the largest."""
    if last is not None:
        span = float(np.hypot(*(last[1] - last[0])))
        middle, reach = last.mean(axis=0), 2.2 * span + 8
        left, top = (max(0, int(middle[i] - reach)) for i in (0, 1))
        part = pixels[top : int(middle[1] + reach), left : int(middle[0] + reach)]
        face = _nearest(_faces(part, NEAR_PX), last - (left, top))
        if face is not None:
            x, y, w, h = face.box
            shifted = (face.landmarks + np.array([left, top], np.float32)).astype(np.float32)
            return Face((x + left, y + top, w, h), shifted, face.score, face.quality)
    return _nearest(_faces(pixels, LOOK_PX), last)


def _faces(pixels: Pixels, side: int) -> tuple[Face, ...]:
    if min(pixels.shape[:2]) < 16:
        return ()
    scale = min(1.0, side / max(pixels.shape[:2]))
    small = pixels
    if scale < 1:
        small = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return tuple(face.scaled(1 / scale) for face in detect_faces(np.ascontiguousarray(small), 4))


def _nearest(faces: tuple[Face, ...], last: Points | None) -> Face | None:
    """The face that the last one became: its middle moved by less than an eye distance and a half."""
    large = [f for f in faces if f.size_px >= SMALLEST_FACE_PX]
    if last is None or not large:
        return large[0] if large else None
    span = float(np.hypot(*(last[1] - last[0]))) + 1e-3
    apart = [float(np.hypot(*(f.landmarks.mean(axis=0) - last.mean(axis=0)))) / span for f in large]
    best = int(np.argmin(apart))
    return large[best] if apart[best] < 1.5 else None


def _steady(
    times: npt.NDArray[np.float64],
    five: list[Points | None],
    lips: list[Points | None],
    looks: list[Look | None],
    size: tuple[int, int],
) -> Watched:
    at = np.flatnonzero([p is not None for p in five])
    if len(at) < 2:
        raise UsageError(f"no face of at least {SMALLEST_FACE_PX} px is seen for long enough")
    first, last = int(at[0]), _lost(times, at)
    now = times[first : last + 1]
    known = at[at <= last]
    fps = int(np.clip(round(1 / max(float(np.median(np.diff(times))), 1e-3)), 5, 60))
    tracks = []
    for part, spread in ((five, STEADY_FACE_S), (lips, STEADY_LIPS_S)):
        values = np.stack([p for i in known if (p := part[i]) is not None])
        tracks.append(smooth(_filled(now, times[known], values), spread * fps))
    return Watched(now, tracks[0], tracks[1], fps, size, tuple(looks[first : last + 1]))


def _lost(times: npt.NDArray[np.float64], at: npt.NDArray[np.int64]) -> int:
    """The last frame before the face is gone for longer than MOST_LOST_S."""
    gaps = np.flatnonzero(np.diff(times[at]) > MOST_LOST_S)
    return int(at[gaps[0]] if len(gaps) else at[-1])


def _filled(now: npt.NDArray[np.float64], known: npt.NDArray[np.float64], values: Points) -> Points:
    flat = values.reshape(len(known), -1)
    columns = [np.interp(now, known, column) for column in flat.T]
    return np.stack(columns, axis=1).reshape(len(now), *values.shape[1:]).astype(np.float32)


def smooth(values: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """A Gaussian over the first axis, sigma in frames; the ends are mirrored."""
    if sigma < 0.2 or len(values) < 3:
        return values
    reach = int(min(np.ceil(3 * sigma), len(values) - 1))
    steps = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (steps / sigma) ** 2)
    weight /= weight.sum()
    flat = values.reshape(len(values), -1)
    padded = np.concatenate([flat[1 : reach + 1][::-1], flat, flat[-reach - 1 : -1][::-1]])
    out = sum(w * padded[i : i + len(flat)] for i, w in enumerate(weight))
    return np.asarray(out, np.float32).reshape(values.shape)


__all__ = [
    "EYE_PX",
    "LONGEST_S",
    "SMALLEST_FACE_PX",
    "Look",
    "Watched",
    "frames_of",
    "smooth",
    "watch_clip",
    "watch_picture",
]
