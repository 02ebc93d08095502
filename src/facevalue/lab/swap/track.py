"""One face through a clip: found in every frame, gaps bridged, its points smoothed without lagging behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces import Face, detect_faces
from facevalue.lab.swap.likeness import chosen
from facevalue.lab.swap.points import SMALLEST_FACE_PX, FacePoints, faces_by_size, points_of

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]

# Around the face of the last frame, in its larger side; and the side to which that square is reduced.
_AROUND, _AROUND_PX = 2.2, 256
_FULL_EVERY = 50
# Frames without the face that are bridged; a jump of so many faces is a cut.
MOST_MISSED = 5
_JUMP = 0.6
SHORTEST = 3
# Savitzky and Golay 1964: quadratic over seven frames, so that steady and accelerating motion is kept as it is.
_SMOOTH = np.array([-2, 3, 6, 7, 6, 3, -2], np.float32) / 21


@dataclass(slots=True)
class Follower:
    """Finds the same face from frame to frame: `look(pixels)` for each in order, then `segments()`.

    number: which face of the first frame that shows one, from the left; None for the largest.
    """

    name: str
    number: int | None = None
    found: list[FacePoints | None] = field(default_factory=list)
    _last: Face | None = None
    _missed: int = 0

    def look(self, pixels: Pixels) -> None:
        """The next frame, uint8 RGB (H, W, 3)."""
        face = self._again(pixels)
        if face is not None:
            self._last, self._missed = face, 0
        else:
            self._missed += 1
            if self._missed > MOST_MISSED and self.number is None:
                self._last = None
        self.found.append(points_of(pixels, face) if face is not None else None)

    def _again(self, pixels: Pixels) -> Face | None:
        if self._last is not None and len(self.found) % _FULL_EVERY:
            near = _near(pixels, self._last)
            if near is not None:
                return near
        faces = faces_by_size(pixels)
        if self._last is None:
            return chosen(faces, self.number, self.name) if faces else None
        return _closest(faces, self._last)

    def segments(self) -> list[tuple[int, list[FacePoints]]]:
        """(first frame, smoothed points of each frame on from it): runs in which the face moves without a jump."""
        out: list[tuple[int, list[FacePoints]]] = []
        for start, run in _runs(self.found):
            if len(run) >= SHORTEST:
                out.append((start, _smoothed(run)))
        return out


def _near(pixels: Pixels, last: Face) -> Face | None:
    """The face in a reduced square around where it was."""
    x, y, w, h = last.box
    side = _AROUND * max(w, h)
    left, top = round(max(0.0, x + w / 2 - side / 2)), round(max(0.0, y + h / 2 - side / 2))
    square = pixels[top : round(top + side), left : round(left + side)]
    if min(square.shape[:2]) < 32:
        return None
    scale = min(1.0, _AROUND_PX / max(square.shape[:2]))
    size = (max(16, round(square.shape[1] * scale)), max(16, round(square.shape[0] * scale)))
    small = np.asarray(cv2.resize(square, size, interpolation=cv2.INTER_AREA), np.uint8)
    ratio = np.array([square.shape[1] / size[0], square.shape[0] / size[1]], np.float32)
    moved = [_moved(face, ratio, (left, top)) for face in detect_faces(small)]
    return _closest([face for face in moved if face.size_px >= SMALLEST_FACE_PX * 0.8], last)


def _moved(face: Face, ratio: Points, corner: tuple[int, int]) -> Face:
    x, y, w, h = face.box
    box = (x * float(ratio[0]) + corner[0], y * float(ratio[1]) + corner[1], w * float(ratio[0]), h * float(ratio[1]))
    landmarks = (face.landmarks * ratio + np.array(corner, np.float32)).astype(np.float32)
    return Face(box, landmarks, face.score, face.quality)


def _closest(faces: Iterable[Face], last: Face) -> Face | None:
    """The face whose middle is nearest to the last one's, if it is near and about as large."""
    middle, size = last.landmarks.mean(axis=0), max(last.box[2:])
    near = [
        (float(np.hypot(*(face.landmarks.mean(axis=0) - middle))), face)
        for face in faces
        if 0.6 < max(face.box[2:]) / size < 1.7
    ]
    best = min(near, key=lambda pair: pair[0], default=None)
    return best[1] if best is not None and best[0] < _JUMP * size else None


def _runs(found: list[FacePoints | None]) -> list[tuple[int, list[FacePoints]]]:
    """Frames in a row, gaps of at most MOST_MISSED filled by interpolation."""
    known = [(i, points) for i, points in enumerate(found) if points is not None]
    out: list[tuple[int, list[FacePoints]]] = []
    last = -1
    for i, points in known:
        if out and i - last <= MOST_MISSED + 1 and not _jumps(out[-1][1][-1], points):
            before = out[-1][1][-1]
            out[-1][1].extend(before.blended(points, k / (i - last)) for k in range(1, i - last))
            out[-1][1].append(points)
        else:
            out.append((i, [points]))
        last = i
    return out


def _jumps(before: FacePoints, after: FacePoints) -> bool:
    apart = float(np.hypot(*(after.five.mean(axis=0) - before.five.mean(axis=0))))
    return apart > 0.5 * before.span or not 0.7 < after.span / before.span < 1.4


def _smoothed(run: list[FacePoints]) -> list[FacePoints]:
    five, mouth = (_smooth(np.stack([getattr(p, name) for p in run])) for name in ("five", "mouth"))
    return [FacePoints(a, b) for a, b in zip(five, mouth, strict=True)]


def _smooth(series: Points) -> Points:
    """Along the first axis; the ends are continued by turning the series about its first and last value."""
    reach = min(len(_SMOOTH) // 2, len(series) - 1)
    if reach < len(_SMOOTH) // 2:
        return series
    head = 2 * series[0] - series[reach:0:-1]
    tail = 2 * series[-1] - series[-2 : -reach - 2 : -1]
    padded = np.concatenate([head, series, tail])
    return np.asarray(sum(weight * padded[k : k + len(series)] for k, weight in enumerate(_SMOOTH)), np.float32)
