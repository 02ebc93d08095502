"""Faces at one size and place: what every measurement of this examiner stands on.

A clip's size, and how large the face is in it, tell where it was published and not how it was made. Each look is
therefore moved by its five landmarks onto a template of 128 px, reduced by area first where it is larger, so that all
that is measured lies at one scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces.align import TEMPLATE, similarity

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

FACE_PX = 128
# The template of 112 px shrunk a little about the middle and moved down: hair, chin and some background stay in.
SHRINK, DOWN_PX = 0.82, 6.0
POINTS = ((TEMPLATE - 0.5) * SHRINK * FACE_PX + (FACE_PX / 2, FACE_PX / 2 + DOWN_PX)).astype(np.float32)
# A look is reduced by area to about this multiple of its final scale before it is resampled.
HEADROOM = 1.2
# Of a region, the fewest pixels from which a mean is taken.
MIN_REGION_PX = 60


@dataclass(frozen=True, slots=True)
class Aligned:
    """A face on the template. luma: float32 (128, 128), 0..255. chroma: float32 (128, 128, 2). inside: bool
    (128, 128), False where the template reaches outside the crop (what stands there repeats its edge)."""

    pixels: Pixels
    luma: Plane
    inside: Mask


def aligned(crop: Pixels, landmarks: npt.NDArray[np.float32]) -> Aligned:
    """Move a crop, uint8 RGB (H, W, 3), by its landmarks, (5, 2) in its pixels, onto the template."""
    move = similarity(np.asarray(landmarks, np.float32), POINTS)
    scale = float(np.hypot(move[0, 0], move[0, 1]))
    pixels = crop
    if 0 < scale * HEADROOM < 0.8:
        height, width = crop.shape[:2]
        size = (max(8, round(width * scale * HEADROOM)), max(8, round(height * scale * HEADROOM)))
        pixels = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
        move = move @ np.diag([width / size[0], height / size[1], 1.0])
    square = (FACE_PX, FACE_PX)
    out = cv2.warpAffine(pixels, move, square, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    full = np.full(pixels.shape[:2], 255, np.uint8)
    inside = cv2.warpAffine(full, move, square, flags=cv2.INTER_NEAREST, borderValue=0) > 0
    face = np.asarray(out, np.uint8)
    luma = np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), np.float32)
    return Aligned(face, luma, np.asarray(inside, np.bool_))


def _ellipse(centre: npt.NDArray[np.float32], half_width: float, half_height: float) -> Mask:
    y, x = np.mgrid[:FACE_PX, :FACE_PX].astype(np.float32)
    return np.asarray(((x - centre[0]) / half_width) ** 2 + ((y - centre[1]) / half_height) ** 2 < 1, np.bool_)


def _regions() -> dict[str, Mask]:
    right, left, nose, *corners = POINTS
    eyes = _ellipse(right, 13, 8) | _ellipse(left, 13, 8)
    mouth = _ellipse(np.mean(corners, axis=0), 18, 11)
    middle = np.mean([right, left, nose], axis=0)
    shift = np.array([0, 6], np.float32)
    cheeks = _ellipse(right + np.array([-2, 22]), 10, 10) | _ellipse(left + np.array([2, 22]), 10, 10)
    forehead = _ellipse((right + left) / 2 + np.array([0, -20]), 20, 8)
    return {
        "skin": (cheeks | forehead) & ~eyes & ~mouth,
        "eyes": eyes,
        "mouth": mouth,
        "outer": ~_ellipse(middle + shift, 46, 60),
        "face": _ellipse(middle + shift, 36, 48),
    }


# Parts of the template: skin, eyes, mouth, "outer" (hair, collar and background) and the whole face.
REGIONS = _regions()
PARTS = ("skin", "eyes", "mouth", "outer")


def region(name: str, inside: Mask) -> Mask:
    """The part of a region that lies inside the crop; all of it where too little would be left to measure."""
    mask = REGIONS[name] & inside
    return mask if int(mask.sum()) >= MIN_REGION_PX else REGIONS[name]


__all__ = ["FACE_PX", "MIN_REGION_PX", "PARTS", "POINTS", "REGIONS", "Aligned", "aligned", "region"]
