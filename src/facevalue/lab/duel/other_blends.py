"""Composites for the judge, made by other code than the forgers': other outlines, other alignment, other blending.

    pyramid   an ellipse of another face, colours by histogram, blended in a Laplacian pyramid (Burt and Adelson 1983)
    cut       a polygon of another face, as cut out by hand: a hard edge, brightness matched, nothing else

Nothing is shared with lab.blend or duel.forgers but the five landmarks.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.lab.blend import RealFace

Pixels = npt.NDArray[np.uint8]
LEVELS = 4


def pyramid(base: RealFace, donor: RealFace) -> Pixels:
    """The donor's face on the base, uint8 (H, W, 3)."""
    moved = _aligned(base, donor)
    height, width = base.pixels.shape[:2]
    mask = np.zeros((height, width), np.float32)
    centre, span = base.landmarks.mean(axis=0), _span(base)
    axes = (round(1.02 * span), round(1.3 * span))
    cv2.ellipse(mask, (round(float(centre[0])), round(float(centre[1]))), axes, _tilt(base), 0, 360, 1.0, -1)
    inside = mask > 0
    coloured = np.stack([_matched(moved[..., c], base.pixels[..., c], inside) for c in range(3)], axis=-1)
    return _joined(base.pixels, coloured, mask)


def cut(base: RealFace, donor: RealFace) -> Pixels:
    """The middle of the donor's face on the base, uint8 (H, W, 3)."""
    moved = _aligned(base, donor).astype(np.float32)
    marks = base.landmarks
    up, out = (marks[:2].mean(axis=0) - marks[3:].mean(axis=0)) * 0.45, (marks[1] - marks[0]) * 0.32
    points = np.array(
        [marks[0] - out + up, marks[1] + out + up, marks[1] + out, marks[4] + out / 2 - up, marks[3] - out / 2 - up]
    )
    hard = np.zeros(base.pixels.shape[:2], np.uint8)
    cv2.fillConvexPoly(hard, cv2.convexHull(np.round(points).astype(np.int32)), 255, lineType=cv2.LINE_AA)
    inside = hard > 127
    if inside.any():
        moved += base.pixels[inside].mean() - moved[inside].mean()
    alpha = (hard / 255.0)[..., None]
    return np.clip(np.round(base.pixels * (1 - alpha) + moved * alpha), 0, 255).astype(np.uint8)


def _aligned(base: RealFace, donor: RealFace) -> Pixels:
    warp, _ = cv2.estimateAffinePartial2D(donor.landmarks, base.landmarks, method=cv2.LMEDS)
    if warp is None:
        warp = np.eye(2, 3)
    height, width = base.pixels.shape[:2]
    moved = cv2.warpAffine(
        donor.pixels, warp, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def _span(face: RealFace) -> float:
    return float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))


def _tilt(face: RealFace) -> float:
    return float(np.degrees(np.arctan2(*(face.landmarks[1] - face.landmarks[0])[::-1])))


def _matched(source: Pixels, target: Pixels, inside: npt.NDArray[np.bool_]) -> Pixels:
    """One channel with the grey levels inside the mask distributed as the target's are there."""
    if not inside.any():
        return source
    counts = [np.cumsum(np.bincount(channel[inside], minlength=256)) / inside.sum() for channel in (source, target)]
    return np.asarray(np.interp(counts[0], counts[1], np.arange(256)).round().astype(np.uint8)[source], np.uint8)


def _joined(base: Pixels, over: Pixels, mask: npt.NDArray[np.float32]) -> Pixels:
    height, width = mask.shape
    unit = 1 << LEVELS
    pads = ((0, -height % unit), (0, -width % unit))
    low = [np.pad(p.astype(np.float32), (*pads, (0, 0)), mode="edge") for p in (base, over)]
    weight, out = np.pad(mask, pads, mode="edge")[..., None], []
    for _ in range(LEVELS):
        smaller = [cv2.pyrDown(plane) for plane in low]
        detail = [plane - cv2.pyrUp(small) for plane, small in zip(low, smaller, strict=True)]
        out.append(detail[0] * (1 - weight) + detail[1] * weight)
        low, weight = smaller, cv2.pyrDown(weight[..., 0])[..., None]
    made = low[0] * (1 - weight) + low[1] * weight
    for detail in reversed(out):
        made = cv2.pyrUp(made) + detail
    return np.clip(np.round(made[:height, :width]), 0, 255).astype(np.uint8)
