"""Points of a face that can be found again in another: eyes, nose, the contours of the lips, chin, and an outline.

Five points come from the detector, twenty-two of mouth and chin from the lips examiner's network. The outline is that
of the alignment template, let down to the chin and narrowed on the side that the face turns away from.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

import facevalue.examiners.lips as lips
from facevalue.examiners.lips.mouth import CHIN, INNER_AT, MESH, OUTER_AT, lip_points
from facevalue.faces import Face, detect_faces
from facevalue.faces.align import TEMPLATE, similarity
from facevalue.faces.track_run import mouth_crop, mouth_map
from facevalue.lab.blend import OUTLINES
from facevalue.sessions import open_session

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]

SMALLEST_FACE_PX = 48
MOUTH_POINTS = len(MESH)
_MOUTH_Y, _CHIN_Y = 0.83, 1.1  # of the template: corners of the mouth, chin
_OUTLINE = np.array(OUTLINES["oval"], np.float32)
_NARROWS = 1.25


@dataclass(frozen=True)
class FacePoints:
    """Points of one face in pixels of its picture, float32. five: (5, 2), see Face. mouth: (22, 2), see MESH."""

    five: Points
    mouth: Points

    @property
    def to_unit(self) -> npt.NDArray[np.float64]:
        """The 2x3 similarity from pixels to the unit square of the alignment template."""
        return similarity(self.five, TEMPLATE)

    @property
    def span(self) -> float:
        """Side of the template's unit square in pixels: a little more than the width of the face."""
        return 1.0 / float(np.hypot(*self.to_unit[:, 0]))

    @property
    def outline(self) -> Points:
        """A closed contour from brow to chin, float32 (n, 2)."""
        to_unit = self.to_unit
        chin = _moved(self.mouth[MESH.index(CHIN)][None], to_unit)[0]
        unit = _OUTLINE.copy()
        below = unit[:, 1] > _MOUTH_Y
        stretch = float(np.clip((chin[1] - _MOUTH_Y) / (_CHIN_Y - _MOUTH_Y), 0.7, 1.5))
        unit[below, 1] = _MOUTH_Y + (unit[below, 1] - _MOUTH_Y) * stretch
        turned = float(_moved(self.five[2][None], to_unit)[0, 0]) - 0.5
        far = np.sign(unit[:, 0] - 0.5) == np.sign(turned)
        unit[far, 0] = 0.5 + (unit[far, 0] - 0.5) * max(0.5, 1 - _NARROWS * abs(turned))
        return _moved(unit, cv2.invertAffineTransform(to_unit))

    @property
    def anchors(self) -> Points:
        """All that is matched with another face, float32 (n, 2): the five, lips, under the nose, chin, outline."""
        return np.concatenate([self.five[:3], self.mouth, self.outline])

    @property
    def inner_lips(self) -> Points:
        """The contour of the mouth's opening, (8, 2)."""
        return self.mouth[INNER_AT]

    @property
    def outer_lips(self) -> Points:
        """The contour of the lips, (12, 2)."""
        return self.mouth[OUTER_AT]

    @property
    def opening(self) -> float:
        """Mean height of the mouth's opening over its width, about 0 when it is closed."""
        inner = self.inner_lips
        gaps = [np.hypot(*(inner[a] - inner[b])) for a, b in ((1, 7), (2, 6), (3, 5))]
        return float(np.mean(gaps) / max(float(np.hypot(*(inner[0] - inner[4]))), 1e-6))

    def blended(self, other: FacePoints, share: float) -> FacePoints:
        """Between this (share 0) and another (share 1)."""
        return FacePoints(
            np.asarray(self.five + (other.five - self.five) * share, np.float32),
            np.asarray(self.mouth + (other.mouth - self.mouth) * share, np.float32),
        )


def points_of(pixels: Pixels, face: Face) -> FacePoints:
    """The points of a detected face. pixels: uint8 RGB (H, W, 3)."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    crop = mouth_crop(grey, face.landmarks)
    found = lip_points(_network(), crop[None])[0]
    back = cv2.invertAffineTransform(mouth_map(face.landmarks))
    return FacePoints(np.asarray(face.landmarks, np.float32), _moved(found, back))


def faces_by_size(pixels: Pixels) -> list[Face]:
    """Faces of at least SMALLEST_FACE_PX, the largest first."""
    found = [face for face in detect_faces(pixels) if face.size_px >= SMALLEST_FACE_PX]
    return sorted(found, key=lambda face: -face.size_px)


def _moved(points: Points, by: npt.NDArray[np.float64]) -> Points:
    return np.asarray(points @ by[:, :2].T + by[:, 2], np.float32)


@functools.cache
def _network() -> ort.InferenceSession:
    return open_session((Path(str(lips.__file__)).parent / "landmarks.onnx").read_bytes())


__all__ = ["MOUTH_POINTS", "SMALLEST_FACE_PX", "FacePoints", "faces_by_size", "points_of"]
