"""Takes: a few seconds around one followed face, at one size, and how they become a track again after a trip.

What separates sources (frame size, distance, encoder) is taken out by cutting every take alike and sending it, real
or synthesised, through the same encoder with the same setting. No face is searched for again: where it lies in the
original tells where it lies in each copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces import Face, Track
from facevalue.faces.quality import face_quality
from facevalue.faces.track import MAX_BURSTS
from facevalue.faces.track_keep import OpenBurst, make_view
from facevalue.lab.edit_clips import Shots, decode, encode
from facevalue.media.clip import FrameTable

Pixels = npt.NDArray[np.uint8]
Marks = npt.NDArray[np.float32]

TAKE_PX = 256
MARGIN = 2.0
MIN_FRAMES, MIN_POSITIONS = 20, 6
# As the reader of clips looks and takes bursts, but the bursts closer together, since takes are short.
LOOK_EVERY_S, BURST_EVERY_S, BURST_FRAMES = 0.2, 1.0, 8
BLANK_QUALITY = 0.9


@dataclass(frozen=True, slots=True)
class Take:
    """frames: uint8 (TAKE_PX, TAKE_PX, 3). times: float64 (n,), from 0. landmarks: float32 (n, 5, 2) and boxes: float32
    (n, 4), of every frame, in its pixels. fps: whole frames per second. scale: its pixels for one of the original."""

    frames: list[Pixels]
    times: npt.NDArray[np.float64]
    landmarks: Marks
    boxes: Marks
    fps: int
    scale: float


def take(path: Path, track: Track, table: FrameTable, first: int, count: int) -> Take | None:
    """Cut count frames from frame number first on: one square around the head that stays in place.

    None where the face was not followed there or the frames do not decode.
    """
    times = np.asarray(table.time_s[first : first + count], np.float64)
    if len(times) < MIN_FRAMES:
        return None
    seen = (track.times >= times[0] - 1e-3) & (track.times <= times[-1] + 1e-3)
    frames = _read(path, first, len(times)) if seen.sum() >= MIN_POSITIONS else []
    if len(frames) < len(times):
        return None
    height, width = frames[0].shape[:2]
    left, top, side = _square(track.boxes[seen], width, height)
    scale = TAKE_PX / side
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    cuts = [frame[top : top + side, left : left + side] for frame in frames]
    small = [np.asarray(cv2.resize(cut, (TAKE_PX, TAKE_PX), interpolation=way), np.uint8) for cut in cuts]
    marks = ((track.landmarks[seen] - (left, top)) * scale).astype(np.float32)
    boxes = ((track.boxes[seen] - (left, top, 0, 0)) * scale).astype(np.float32)
    fps = int(np.clip(round(1 / max(float(np.median(np.diff(times))), 1e-3)), 5, 60))
    at = track.times[seen]
    return Take(small, times - times[0], _at(times, at, marks), _at(times, at, boxes), fps, scale)


def _read(path: Path, first: int, count: int) -> list[Pixels]:
    frames: list[Pixels] = []
    try:
        with av.open(str(path)) as source:
            for i, frame in enumerate(source.decode(video=0)):
                if i >= first:
                    frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                if len(frames) == count:
                    break
    except (av.FFmpegError, IndexError, ValueError):
        return []
    return frames


def _square(boxes: Marks, width: int, height: int) -> tuple[int, int, int]:
    x, y = (float(np.median(boxes[:, i] + boxes[:, i + 2] / 2)) for i in (0, 1))
    side = int(min(float(np.median(boxes[:, 2:].max(axis=1))) * MARGIN, width, height))
    left, top = (int(np.clip(round(c - side / 2), 0, size - side)) for c, size in ((x, width), (y, height)))
    return left, top, side


def _at(times: npt.NDArray[np.float64], known: npt.NDArray[np.float64], values: Marks) -> Marks:
    flat = values.reshape(len(known), -1)
    columns = [np.interp(times, known, flat[:, i]) for i in range(flat.shape[1])]
    return np.stack(columns, axis=1).reshape(len(times), *values.shape[1:]).astype(np.float32)


def published(frames: list[Pixels], fps: int, side: int, crf: int) -> list[Pixels]:
    """The frames at another size, through H.264 at a constant rate factor, decoded again."""
    small = [np.asarray(cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA), np.uint8) for f in frames]
    return decode(encode(Shots(small, fps), {"preset": "veryfast", "crf": str(crf)}), fps).frames


def as_track(cut: Take, frames: list[Pixels]) -> Track:
    """What following the face through the frames of a copy would have kept: looks, bursts and positions."""
    scale = frames[0].shape[0] / TAKE_PX
    marks, boxes = cut.landmarks * scale, cut.boxes * scale
    faces = [_face(frame, box, points) for frame, box, points in zip(frames, boxes, marks, strict=False)]
    times = cut.times[: len(faces)]
    looks = np.unique(np.searchsorted(times, np.arange(0.0, times[-1] + 1e-6, LOOK_EVERY_S) - 1e-3))
    views = tuple(make_view(int(i), float(times[i]), frames[i], faces[i]) for i in looks if i < len(faces))
    bursts = [_burst(times, frames, faces, start) for start in np.arange(0.0, times[-1], BURST_EVERY_S)]
    kept = tuple(b.closed() for b in bursts if len(b.times) == BURST_FRAMES)[:MAX_BURSTS]
    seen = looks[looks < len(faces)]
    return Track(
        number=1,
        person=1,
        times=times[seen],
        boxes=boxes[seen],
        landmarks=marks[seen],
        views=views,
        bursts=tuple(b for b in kept if b is not None),
        embeddings=np.zeros((0, 128), np.float32),
        embedding_times=np.zeros(0),
    )


def _face(frame: Pixels, box: Marks, points: Marks) -> Face:
    x, y, w, h = (float(v) for v in box)
    return Face((x, y, w, h), points, BLANK_QUALITY, face_quality(frame, (x, y, w, h), points))


def _burst(times: npt.NDArray[np.float64], frames: list[Pixels], faces: list[Face], start_s: float) -> OpenBurst:
    first = int(np.searchsorted(times, start_s - 1e-3))
    burst = OpenBurst.around(faces[first], frames[first])
    for i in range(first, min(first + BURST_FRAMES, len(faces))):
        burst.add(float(times[i]), frames[i], faces[i])
    return burst


__all__ = ["TAKE_PX", "Take", "as_track", "published", "take"]
