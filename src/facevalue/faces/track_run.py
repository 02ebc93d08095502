"""Runs: small mouth crops of a track at the clip's own rate, cut by landmarks interpolated between looks.

Frames of a run come between looks, before anybody knows where the face goes. A loose grey square around where it
should be is kept of each, and at the next look, when the landmarks are known on both sides, the mouth is cut out.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces.align import TEMPLATE, similarity
from facevalue.faces.detect import Face
from facevalue.faces.track import MAX_RUN_FRAMES, MOUTH_PX, MouthRun

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]

# The mouth crop in units of the alignment's unit square: centre below the mouth's corners, so that an open jaw fits.
MOUTH_CENTRE = (0.5009, 0.875)
MOUTH_SIDE = 0.625
EYE_DISTANCE = float(np.hypot(*(TEMPLATE[1] - TEMPLATE[0])))
LOOSE_MARGIN, LOOSE_PX = 1.6, 192
# Landmarks further apart in time are not interpolated; so many frames may wait for their next look.
MAX_GAP_S = 0.7
MAX_WAITING = 48
# A pause in the frames of a run of more than this starts another.
BREAK_S = 0.15
MIN_RUN_FRAMES = 8


def mouth_map(landmarks: Floats) -> npt.NDArray[np.float64]:
    """The 2x3 similarity that takes frame pixels to pixels of the mouth crop. landmarks: (5, 2), see Face."""
    corner = np.array(MOUTH_CENTRE) - MOUTH_SIDE / 2
    target = (TEMPLATE - corner) * (MOUTH_PX / MOUTH_SIDE) - 0.5
    return similarity(np.asarray(landmarks, np.float32), target.astype(np.float32))


def mouth_crop(grey: Pixels, landmarks: Floats) -> Pixels:
    """The upright mouth, uint8 (MOUTH_PX, MOUTH_PX), from a grey picture in whose pixels the landmarks are."""
    return _warped(grey, mouth_map(landmarks))


def _warped(grey: Pixels, to_crop: npt.NDArray[np.float64]) -> Pixels:
    shrink = float(np.hypot(to_crop[0, 0], to_crop[0, 1]))
    if shrink < 0.6:  # area averaging first: bilinear sampling alone would skip pixels
        small = cv2.resize(grey, None, fx=2 * shrink, fy=2 * shrink, interpolation=cv2.INTER_AREA)
        ratio = np.array([small.shape[1] / grey.shape[1], small.shape[0] / grey.shape[0]])
        to_crop = np.column_stack([to_crop[:, :2] / ratio, to_crop[:, 2]])
        grey = small
    size = (MOUTH_PX, MOUTH_PX)
    warped = cv2.warpAffine(grey, to_crop, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


@dataclass(frozen=True, slots=True)
class _Loose:
    """One frame that waits: the grey square around the face, its left and top in the frame, and pixels per pixel."""

    run: int
    time_s: float
    grey: Pixels
    left: float
    top: float
    scale: float


@dataclass(slots=True)
class RunKeeper:
    """The runs of one track while it is followed."""

    waiting: list[_Loose] = field(default_factory=list)
    known: tuple[float, Floats] | None = None
    numbers: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    crops: list[Pixels] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)

    def offer(self, run: int, time_s: float, pixels: Pixels, box: Box) -> None:
        """One frame of a run, RGB or luma; box: where the face should be."""
        if len(self.waiting) < MAX_WAITING and len(self.times) < MAX_RUN_FRAMES:
            self.waiting.append(_loose(run, time_s, pixels, box))

    def look(self, time_s: float, face: Face) -> None:
        """The face was found: what waited until now is cut."""
        landmarks = np.asarray(face.landmarks, np.float32)
        if self.waiting:
            before = self.known
            done = [w for w in self.waiting if w.time_s <= time_s + 1e-6]
            self.waiting = [w for w in self.waiting if w.time_s > time_s + 1e-6]
            for loose in done:
                place = _between(before, (time_s, landmarks), loose.time_s)
                if place is not None:
                    self._cut(loose, place)
        self.known = (time_s, landmarks)

    def _cut(self, loose: _Loose, landmarks: Floats) -> None:
        to_crop = mouth_map(landmarks)
        inside = (landmarks - np.array([loose.left, loose.top], np.float32)) * np.float32(loose.scale)
        self.numbers.append(loose.run)
        self.times.append(loose.time_s)
        self.crops.append(mouth_crop(loose.grey, inside))
        # Frame pixels per crop pixel times what the distance of the eyes is in the crop.
        self.scales.append(EYE_DISTANCE * MOUTH_PX / MOUTH_SIDE / max(float(np.hypot(*to_crop[0, :2])), 1e-6))

    def finished(self, last_s: float) -> tuple[MouthRun, ...]:
        """The runs up to last_s, in order of time."""
        order = [int(i) for i in np.argsort(self.times, kind="stable") if self.times[int(i)] <= last_s + 1e-6]
        if not order:
            return ()
        times = np.array([self.times[i] for i in order], np.float64)
        crops, scales = np.stack([self.crops[i] for i in order]), np.array([self.scales[i] for i in order], np.float32)
        new = (np.diff([self.numbers[i] for i in order]) != 0) | (np.diff(times) > BREAK_S)
        edges = [0, *(np.flatnonzero(new) + 1).tolist(), len(order)]
        parts = [slice(a, b) for a, b in itertools.pairwise(edges) if b - a >= MIN_RUN_FRAMES]
        return tuple(MouthRun(times[p], crops[p], scales[p]) for p in parts)


def runs_between(runs: Sequence[MouthRun], start_s: float, end_s: float) -> tuple[MouthRun, ...]:
    """What of the runs lies in start_s <= t < end_s; parts too short to be any use are left out."""
    out = []
    for run in runs:
        keep = (run.time_s >= start_s) & (run.time_s < end_s)
        if int(keep.sum()) >= MIN_RUN_FRAMES:
            out.append(replace(run, time_s=run.time_s[keep], crops=run.crops[keep], eyes_px=run.eyes_px[keep]))
    return tuple(out)


def _loose(run: int, time_s: float, pixels: Pixels, box: Box) -> _Loose:
    x, y, w, h = box
    side = max(2, round(max(w, h) * LOOSE_MARGIN))
    left, top = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2)
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + side), min(height, top + side)
    if x1 - x0 < 2 or y1 - y0 < 2:  # the face has left the frame
        return _Loose(run, time_s, np.zeros((2, 2), np.uint8), float(left), float(top), 1.0)
    part = np.ascontiguousarray(pixels[y0:y1, x0:x1])
    grey = part if part.ndim == 2 else np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), np.uint8)
    scale = min(1.0, LOOSE_PX / side)
    if scale < 1.0:
        size = (max(2, round((x1 - x0) * scale)), max(2, round((y1 - y0) * scale)))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    elif np.shares_memory(grey, pixels):
        grey = grey.copy()
    return _Loose(run, time_s, grey, float(x0), float(y0), scale)


def _between(before: tuple[float, Floats] | None, after: tuple[float, Floats], time_s: float) -> Floats | None:
    """Landmarks at a time between two looks; None where the looks are too far apart."""
    if abs(after[0] - time_s) < 1e-6:
        return after[1]
    if before is None or after[0] - before[0] > MAX_GAP_S or time_s < before[0]:
        return None
    share = np.float32((time_s - before[0]) / max(after[0] - before[0], 1e-6))
    return np.asarray((1 - share) * before[1] + share * after[1], np.float32)


__all__ = ["EYE_DISTANCE", "RunKeeper", "mouth_crop", "mouth_map", "runs_between"]
