"""Mouths free of whose they are: lip points in a mouth's own frame, and how a closed mouth opens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.examiners.lips.mouth import EYES_CROP_PX, INNER_AT, OUTER_AT
from facevalue.faces.track_run import mouth_map

Points = npt.NDArray[np.float32]

# Indices of lip points: corners, and upper and lower points above one another, inner and outer contour.
INNER_CORNERS, OUTER_CORNERS = (12, 16), (0, 6)
INNER_PAIRS = ((13, 19), (14, 18), (15, 17))
OUTER_PAIRS = ((1, 11), (2, 10), (3, 9), (4, 8), (5, 7))
UPPER, LOWER = (1, 2, 3, 4, 5, 13, 14, 15), (7, 8, 9, 10, 11, 17, 18, 19)
LIPS = slice(0, 20)
CHIN = 21


def to_mouth(lips: Points, five: Points) -> Points:
    """Lip points of a frame in eye distances, upright; x to the right, y down, origin at the mouth crop's corner."""
    to_crop = mouth_map(five)
    return np.asarray((lips @ to_crop[:, :2].T + to_crop[:, 2]) / EYES_CROP_PX, np.float32)


def from_mouth(points: Points, five: Points) -> Points:
    """The way back: frame pixels."""
    to_crop = mouth_map(five)
    linear = np.linalg.inv(to_crop[:, :2])
    return np.asarray((points * EYES_CROP_PX - to_crop[:, 2]) @ linear.T, np.float32)


def gap(mouth: Points) -> float:
    """Between the inner contours in the middle, eye distances."""
    return float(np.mean([np.hypot(*(mouth[a] - mouth[b])) for a, b in INNER_PAIRS]))


def width(mouth: Points) -> float:
    """Between the outer corners, eye distances."""
    return float(np.hypot(*(mouth[OUTER_CORNERS[1]] - mouth[OUTER_CORNERS[0]])))


def closed(mouth: Points) -> Points:
    """The same mouth with its lips together: every inner pair meets, a third of the way down from the upper point.

    The outer contour follows its own side, so that lips keep their thickness.
    """
    out = mouth.copy()
    middle = [mouth[a] + (mouth[b] - mouth[a]) / 3 for a, b in INNER_PAIRS]
    for (a, b), meet in zip(INNER_PAIRS, middle, strict=True):
        out[a], out[b] = meet, meet
    xs = np.array([mouth[INNER_CORNERS[0]][0], *(m[0] for m in middle), mouth[INNER_CORNERS[1]][0]])
    order = np.argsort(xs)
    for side, at in ((0, 1), (1, -1)):
        moved = np.array([np.zeros(2), *(out[p[side]] - mouth[p[side]] for p in INNER_PAIRS), np.zeros(2)])
        for pair in OUTER_PAIRS:
            i = pair[0 if at == 1 else 1]
            out[i] += [np.interp(mouth[i][0], xs[order], moved[order, k]) for k in (0, 1)]
    return np.asarray(out, np.float32)


def opened(mouth: Points, by: float, wider: float, rounder: float) -> Points:
    """A closed mouth opened by so many eye distances, corners moved apart by wider (of its width), lips pushed forward.

    The lower lip does three quarters of the way and the jaw with it; opening pulls the corners in a little.
    """
    out = mouth.copy()
    left, right = mouth[OUTER_CORNERS[0]], mouth[OUTER_CORNERS[1]]
    half = max(width(mouth) / 2, 1e-3)
    centre = (left + right) / 2
    x = np.clip((mouth[LIPS, 0] - centre[0]) / half, -1, 1)
    profile = np.clip(1 - x**2, 0, 1) ** 0.6
    for index in UPPER:
        out[index, 1] -= 0.25 * by * profile[index] + 0.25 * rounder * 0.06 * profile[index]
    for index in LOWER:
        out[index, 1] += 0.75 * by * profile[index] + 0.25 * rounder * 0.06 * profile[index]
    stretch = wider - 0.12 * min(by, 0.5) - 0.28 * rounder
    out[LIPS, 0] += x * half * stretch
    out[CHIN, 1] += 0.6 * by
    return np.asarray(out, np.float32)


__all__ = ["CHIN", "INNER_AT", "LIPS", "OUTER_AT", "closed", "from_mouth", "gap", "opened", "to_mouth", "width"]
