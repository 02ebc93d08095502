"""What is kept of a track while it is followed, in bounded memory: positions, views, bursts, embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces.align import crop_square
from facevalue.faces.detect import Face
from facevalue.faces.embed import Embedding
from facevalue.faces.track import (
    BURST_MARGIN,
    BURST_PX,
    CROP_MARGIN,
    CROP_MAX_PX,
    MAX_BURSTS,
    MAX_EMBEDDINGS,
    MAX_POSITIONS,
    MAX_VIEWS,
    Burst,
    TrackView,
)

Pixels = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]

# Views closer together than this say the same thing twice; the stretch doubles whenever MAX_VIEWS are kept.
FIRST_STRETCH_S = 0.2


def view_quality(face: Face) -> float:
    """How well one look shows a face: larger, sharper, more frontal, whole. For choosing among looks, nothing else."""
    q = face.quality
    size = np.log2(max(q.size_px, 1.0) / 64.0)
    return float(np.clip(size, -2, 2) + q.sharpness - abs(q.yaw) / 45.0 - 4.0 * q.truncated + face.score)


def make_view(index: int, time_s: float, pixels: Pixels, face: Face) -> TrackView:
    """Cut one view: see TrackView."""
    x, y, w, h = face.box
    height, width = pixels.shape[:2]
    side = max(2, round(min(max(w, h) * CROP_MARGIN, float(height), float(width))))
    left = int(np.clip(round(x + w / 2 - side / 2), 0, width - side))
    top = int(np.clip(round(y + h / 2 - side / 2), 0, height - side))
    crop = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    scale = min(1.0, CROP_MAX_PX / side)
    if scale < 1.0:
        crop = np.asarray(cv2.resize(crop, (CROP_MAX_PX, CROP_MAX_PX), interpolation=cv2.INTER_AREA), np.uint8)
    elif np.shares_memory(crop, pixels):
        crop = crop.copy()
    crop.flags.writeable = False
    landmarks = ((face.landmarks - (left, top)) * scale).astype(np.float32)
    in_crop = Face(((x - left) * scale, (y - top) * scale, w * scale, h * scale), landmarks, face.score, face.quality)
    return TrackView(index, time_s, face, crop, (float(left), float(top)), scale, in_crop)


@dataclass(slots=True)
class Views:
    """At most MAX_VIEWS looks, the best one of each stretch of time; stretches double when there are too many."""

    stretch_s: float = FIRST_STRETCH_S
    best: dict[int, tuple[float, TrackView]] = field(default_factory=dict)

    def offer(self, time_s: float, quality: float, make: Callable[[], TrackView]) -> None:
        """Keep make() if it is the best look of its stretch."""
        slot = int(time_s / self.stretch_s)
        if slot in self.best and self.best[slot][0] >= quality:
            return
        self.best[slot] = (quality, make())
        while len(self.best) > MAX_VIEWS:
            self._double()

    def _double(self) -> None:
        self.stretch_s *= 2
        merged: dict[int, tuple[float, TrackView]] = {}
        for quality, view in self.best.values():
            slot = int(view.time_s / self.stretch_s)
            if slot not in merged or merged[slot][0] < quality:
                merged[slot] = (quality, view)
        self.best = merged

    def kept(self) -> tuple[TrackView, ...]:
        """In order of time."""
        return tuple(sorted((view for _, view in self.best.values()), key=lambda v: v.time_s))


@dataclass(slots=True)
class Positions:
    """Times, boxes and landmarks; every second one is dropped whenever there are more than MAX_POSITIONS."""

    stride: int = 1
    seen: int = 0
    times: list[float] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    landmarks: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def add(self, time_s: float, face: Face) -> None:
        """Append one position."""
        self.seen += 1
        if (self.seen - 1) % self.stride:
            return
        self.times.append(time_s)
        self.boxes.append(face.box)
        self.landmarks.append(face.landmarks)
        if len(self.times) > MAX_POSITIONS:
            self.stride *= 2
            self.times, self.boxes, self.landmarks = self.times[::2], self.boxes[::2], self.landmarks[::2]

    def cut_after(self, time_s: float) -> None:
        """Forget positions after time_s."""
        keep = int(np.searchsorted(self.times, time_s, side="right"))
        del self.times[keep:], self.boxes[keep:], self.landmarks[keep:]


@dataclass(slots=True)
class Embeddings:
    """Embeddings and their times, halved in number whenever there are more than MAX_EMBEDDINGS."""

    times: list[float] = field(default_factory=list)
    vectors: list[Embedding] = field(default_factory=list)

    def add(self, time_s: float, vector: Embedding) -> None:
        """Append one."""
        self.times.append(time_s)
        self.vectors.append(vector)
        if len(self.times) > MAX_EMBEDDINGS:
            self.times, self.vectors = self.times[::2], self.vectors[::2]


@dataclass(slots=True)
class OpenBurst:
    """A burst that is being read: a fixed square of the frame."""

    left: int
    top: int
    side: int
    times: list[float] = field(default_factory=list)
    landmarks: list[npt.NDArray[np.float32]] = field(default_factory=list)
    crops: list[Pixels] = field(default_factory=list)

    @classmethod
    def around(cls, face: Face, pixels: Pixels) -> OpenBurst:
        """The square of BURST_MARGIN x the longer side of the box, moved and shrunk to lie inside the frame."""
        x, y, w, h = face.box
        height, width = pixels.shape[:2]
        side = max(2, round(min(max(w, h) * BURST_MARGIN, float(height), float(width))))
        left = int(np.clip(round(x + w / 2 - side / 2), 0, width - side))
        top = int(np.clip(round(y + h / 2 - side / 2), 0, height - side))
        return cls(left, top, side)

    def add(self, time_s: float, pixels: Pixels, face: Face) -> None:
        """One more frame of it."""
        self.times.append(time_s)
        self.landmarks.append(face.landmarks)
        centre = (self.left + self.side / 2, self.top + self.side / 2)
        self.crops.append(crop_square(pixels, centre, self.side, BURST_PX))

    def closed(self) -> Burst | None:
        """The burst; None when it has fewer than three frames, from which no motion can be read."""
        if len(self.times) < 3:
            return None
        box = (float(self.left), float(self.top), float(self.side), float(self.side))
        return Burst(np.array(self.times), np.stack(self.landmarks).astype(np.float32), np.stack(self.crops), box)


@dataclass(slots=True)
class Bursts:
    """At most MAX_BURSTS, spread over the track: when one is too many, the one closest to its neighbours goes."""

    kept: list[Burst] = field(default_factory=list)

    def add(self, burst: Burst) -> None:
        """Keep it, and drop the one that adds least to the spread; never the first or the last."""
        self.kept.append(burst)
        if len(self.kept) > MAX_BURSTS:
            starts = [float(b.time_s[0]) for b in self.kept]
            gaps = [starts[i + 1] - starts[i - 1] for i in range(1, len(starts) - 1)]
            del self.kept[1 + int(np.argmin(gaps))]
