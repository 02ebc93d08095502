"""Where the face is exchanged: inside its outline, where both show skin, and not where the target's mouth is open.

An exchange has to leave alone what lies in front of a face. Hair, frames of glasses and hands differ from the skin of
the cheeks in colour; near the outline such places stay the target's.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.lab.swap.points import FacePoints
from facevalue.lab.swap.warp import Window

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

FEATHER = 0.11  # of the face's span, inwards from the outline
# Further in than this, of the span, eyes and lips rather than something before them explain colours that are not skin.
NEAR_EDGE = 0.17
_OPEN_FROM, _OPEN_TO = 0.06, 0.2


def filled(contour: npt.NDArray[np.floating], window: Window) -> Plane:
    """1 inside a closed contour (n, 2) in picture pixels, else 0; float32 (h, w) of the window."""
    out = np.zeros((window.height, window.width), np.uint8)
    shifted = (np.asarray(contour, np.float64) - (window.left, window.top)) * 16
    cv2.fillPoly(out, [np.round(shifted).astype(np.int32)], (1,), lineType=cv2.LINE_8, shift=4)
    return out.astype(np.float32)


def depth_inside(inside: Plane, width_px: float) -> Plane:
    """0 at the edge of a region and outside, 1 from width_px inwards; smooth."""
    distance = cv2.distanceTransform((inside > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    x = np.clip(distance / max(width_px, 1.0), 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)


def skin(pixels: Pixels, core: Plane, blur_px: float) -> Plane:
    """How much each place is coloured like the core of the face, 0..1, float32 (h, w)."""
    lab = np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    chosen = lab[core > 0.5]
    if len(chosen) < 32:
        return np.ones(core.shape, np.float32)
    middle = np.median(chosen, axis=0)
    spread = 1.4826 * np.median(np.abs(chosen - middle), axis=0)
    # Light falls unevenly over a face, so lightness counts less than colour.
    away = (np.abs(lab - middle) / np.maximum(spread, (7.0, 2.5, 2.5)) / (4.0, 3.5, 3.5)) ** 2
    like = np.exp(-0.5 * away.sum(axis=2)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(like, (0, 0), max(0.6, blur_px)), np.float32)


def core_of(points: FacePoints, window: Window) -> Plane:
    """Cheeks and nose, where every face shows skin: between the eyes and the mouth."""
    eyes, mouth = points.five[:2], points.five[3:]
    down = mouth.mean(axis=0) - eyes.mean(axis=0)
    low = points.five[3:] + (points.five[3:] - points.five[3:].mean(axis=0)) * 0.25 - down * 0.1
    return filled(np.array([eyes[0] + down * 0.28, eyes[1] + down * 0.28, low[1], low[0]]), window)


def both_skin(target: Pixels, source: Pixels, points: FacePoints, window: Window) -> Plane:
    """How much each place shows skin in the target and in the warped source, 0..1, float32 (h, w) of the window."""
    core, blur = core_of(points, window), 0.015 * points.span
    return np.asarray(np.minimum(skin(target, core, blur), skin(source, core, blur)), np.float32)


def exchange(shows: Plane, covered: Plane, points: FacePoints, window: Window) -> Plane:
    """The share of the source at each place, float32 (h, w) in 0..1: exactly 0 outside the outline.

    shows: see both_skin. covered: where the source has pixels.
    """
    inside = filled(points.outline, window) * (cv2.erode(covered, np.ones((3, 3), np.uint8)) > 0.5)
    depth = depth_inside(inside, FEATHER * points.span)
    near_edge = 1 - depth_inside(inside, NEAR_EDGE * points.span)
    clear = np.clip(shows * 2.2, 0, 1)
    return np.asarray(depth * (1 - near_edge * (1 - clear)), np.float32)


def open_mouth(have: FacePoints, want: FacePoints, window: Window) -> Plane:
    """Where the target's own mouth cavity stays, 0..1: when its mouth is open and the source's is not."""
    more = want.opening - have.opening
    share = float(np.clip((more - _OPEN_FROM) / (_OPEN_TO - _OPEN_FROM), 0, 1))
    if share == 0.0:
        return np.zeros((window.height, window.width), np.float32)
    cavity = filled(want.inner_lips, window)
    return np.asarray(cv2.GaussianBlur(cavity, (0, 0), max(0.6, 0.012 * want.span)) * share, np.float32)
