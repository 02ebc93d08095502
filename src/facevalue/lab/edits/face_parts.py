"""Where skin, eyes, lips and teeth lie on a detected face: masks in the picture's pixels, all soft, float32 (H, W)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.examiners import lips
from facevalue.examiners.lips.mouth import INNER_AT, OUTER_AT, lip_points
from facevalue.faces import Face
from facevalue.faces.align import TEMPLATE, similarity
from facevalue.faces.track_run import mouth_crop, mouth_map
from facevalue.lab.blend import OUTLINES
from facevalue.lab.edits.edit import Pixels, Plane
from facevalue.sessions import session

Points = npt.NDArray[np.float32]

LIP_NETWORK = "landmarks.onnx"


def lip_network() -> ort.InferenceSession:
    """The lip landmark network that the examiner of lips brings."""
    return session(Path(lips.__file__).parent / LIP_NETWORK)


def lips_of(pixels: Pixels, landmarks: Points) -> Points:
    """Lip landmarks, float32 (22, 2), in the picture's pixels; landmarks: the detector's five."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    back = cv2.invertAffineTransform(mouth_map(landmarks))
    points = lip_points(lip_network(), mouth_crop(grey, landmarks)[None])[0]
    return np.asarray(points @ back[:, :2].T + back[:, 2], np.float32)


@dataclass(frozen=True, slots=True)
class Parts:
    """Soft masks of one face and its measure. span: distance of the eyes in pixels. lips: (22, 2), see lips_of."""

    skin: Plane
    eyes: Plane
    mouth: Plane
    inner_mouth: Plane
    landmarks: Points
    lips: Points
    span: float


def parts_of(pixels: Pixels, face: Face) -> Parts:
    """The parts of a face in a picture."""
    shape = (pixels.shape[0], pixels.shape[1])
    marks = face.landmarks
    span = max(float(np.hypot(*(marks[1] - marks[0]))), 1.0)
    points = lips_of(pixels, marks)
    outer, inner = (_filled(shape, points[at], span * 0.02) for at in (OUTER_AT, INNER_AT))
    eyes = np.maximum(*(_ellipse(shape, marks[i], marks, span, (0.24, 0.11)) for i in (0, 1)))
    brows = np.maximum(*(_ellipse(shape, _brow(marks, i), marks, span, (0.36, 0.15)) for i in (0, 1)))
    oval = _outline(shape, marks, "oval", span * 0.06)
    wide_eyes = np.maximum(*(_ellipse(shape, marks[i], marks, span, (0.34, 0.2)) for i in (0, 1)))
    lips_wide = np.asarray(cv2.GaussianBlur(cv2.dilate(outer, np.ones((3, 3))), (0, 0), span * 0.03), np.float32)
    skin = oval * (1 - wide_eyes) * (1 - np.clip(2 * lips_wide, 0, 1)) * (1 - brows)
    skin = skin * _skin_coloured(pixels, marks, span)
    return Parts(np.asarray(skin, np.float32), eyes, outer, inner, marks, points, span)


def _filled(shape: tuple[int, int], points: Points, sigma: float) -> Plane:
    out = np.zeros(shape, np.float32)
    cv2.fillPoly(out, [np.round(points * 16).astype(np.int32)], 1.0, shift=4)
    return np.asarray(cv2.GaussianBlur(out, (0, 0), max(0.4, sigma)), np.float32)


def _outline(shape: tuple[int, int], marks: Points, name: str, sigma: float) -> Plane:
    to_picture = similarity(TEMPLATE, marks)
    points = np.array(OUTLINES[name]) @ to_picture[:, :2].T + to_picture[:, 2]
    return _filled(shape, points.astype(np.float32), sigma)


def _brow(marks: Points, eye: int) -> Points:
    """A third of an eye distance above the eye, along the face's own up."""
    across = marks[1] - marks[0]
    up = np.array([across[1], -across[0]], np.float32)
    return np.asarray(marks[eye] + 0.33 * up, np.float32)


def _ellipse(shape: tuple[int, int], centre: Points, marks: Points, span: float, radii: tuple[float, float]) -> Plane:
    """Soft, upright on the face; radii along and across the line of the eyes, in eye distances."""
    out = np.zeros(shape, np.float32)
    across = marks[1] - marks[0]
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    axes = (float(radii[0] * span * 2), float(radii[1] * span * 2))
    cv2.ellipse(out, ((float(centre[0]), float(centre[1])), axes, angle), 1.0, -1)
    return np.asarray(cv2.GaussianBlur(out, (0, 0), max(0.4, span * 0.03)), np.float32)


def _skin_coloured(pixels: Pixels, marks: Points, span: float) -> Plane:
    """How near a pixel's chroma is to that of the cheeks and the nose, 0..1: leaves hair, beard and background out."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32)
    cheeks = [(marks[2] + marks[i]) / 2 for i in (0, 1)] + [marks[2]]
    where = np.zeros(pixels.shape[:2], np.uint8)
    for x, y in cheeks:
        cv2.circle(where, (round(float(x)), round(float(y))), max(2, round(span * 0.12)), 1, -1)
    sample = lab[where > 0]
    if len(sample) < 8:
        return np.zeros(pixels.shape[:2], np.float32)
    middle = np.median(sample, axis=0)
    spread = np.maximum(sample.std(axis=0), (14.0, 5.0, 5.0)) * 2.2
    far = (((lab - middle) / spread) ** 2).sum(axis=2)
    return np.asarray(cv2.GaussianBlur(np.exp(-0.5 * far), (0, 0), max(0.5, span * 0.02)), np.float32)


__all__ = ["Parts", "lip_network", "lips_of", "parts_of"]
