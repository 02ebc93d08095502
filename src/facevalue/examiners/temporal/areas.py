"""Where in a burst's square the skin of the face, the ring around its border, and its surroundings are.

Outlines are drawn in the unit square of the five-point alignment template (facevalue.faces.align), so that no dense
landmark model is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces import similarity
from facevalue.faces.align import TEMPLATE

Bools = npt.NDArray[np.bool_]

# The face from above the brows to below the chin; eyes and mouth, which move of themselves, are left out of the skin.
OVAL = (
    *((0.13, 0.42), (0.16, 0.3), (0.3, 0.22), (0.5, 0.2), (0.7, 0.22), (0.84, 0.3), (0.87, 0.42), (0.86, 0.62)),
    *((0.8, 0.82), (0.7, 0.98), (0.59, 1.06), (0.5, 1.08), (0.41, 1.06), (0.3, 0.98), (0.2, 0.82), (0.14, 0.62)),
)
EYES = ((0.15, 0.38), (0.85, 0.38), (0.85, 0.54), (0.15, 0.54))
MOUTH = ((0.28, 0.74), (0.72, 0.74), (0.74, 0.95), (0.26, 0.95))
# In units of the template, from the outline of the face: the ring, and the surroundings outside of it.
RING, OUTSIDE = 0.09, (0.13, 0.6)
# An area with fewer pixels than this is not judged.
MIN_PIXELS = 150
SHIFT_BITS = 4


@dataclass(frozen=True, slots=True)
class Areas:
    """bool (side, side) each, in the pixels of a burst's crops. unit: crop pixels per unit of the template."""

    skin: Bools
    ring: Bools
    outside: Bools
    unit: float


def areas(landmarks: npt.NDArray[np.float32], side: int) -> Areas | None:
    """The areas of one face, landmarks float32 (5, 2) in pixels of a square of that side.

    None when one of them has too few pixels in the square: a face that fills or leaves it.
    """
    warp = similarity(TEMPLATE, landmarks)
    unit = float(np.hypot(warp[0, 0], warp[1, 0]))
    if not np.isfinite(warp).all() or not 8.0 < unit < 4.0 * side:
        return None
    oval = _filled(OVAL, warp, side)
    inside, beyond = (cv2.distanceTransform(part, cv2.DIST_L2, 5) / unit for part in (oval, 1 - oval))
    features = _filled(EYES, warp, side) | _filled(MOUTH, warp, side)
    far = np.asarray(beyond, np.float32)
    found = Areas(
        skin=np.asarray((np.asarray(inside) > RING) & (features == 0), np.bool_),
        ring=np.asarray((np.asarray(inside) <= RING) & (far <= RING), np.bool_),
        outside=np.asarray((far > OUTSIDE[0]) & (far <= OUTSIDE[1]), np.bool_),
        unit=unit,
    )
    return found if min(a.sum() for a in (found.skin, found.ring, found.outside)) >= MIN_PIXELS else None


def _filled(
    outline: tuple[tuple[float, float], ...], warp: npt.NDArray[np.float64], side: int
) -> npt.NDArray[np.uint8]:
    points = np.array(outline, np.float64) @ warp[:, :2].T + warp[:, 2]
    points = np.clip(points, -16.0 * side, 16.0 * side)
    out = np.zeros((side, side), np.uint8)
    cv2.fillPoly(out, [np.round(points * 2**SHIFT_BITS).astype(np.int32)], 1, shift=SHIFT_BITS)
    return out
