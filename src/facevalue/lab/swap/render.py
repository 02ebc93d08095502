"""One face onto another in memory: warped, toned, lit, and joined by its gradients. Nothing here reaches disk."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.lab.edits.seamless import membrane
from facevalue.lab.swap.masks import both_skin, exchange, filled, open_mouth
from facevalue.lab.swap.points import FacePoints
from facevalue.lab.swap.refine import available, refined
from facevalue.lab.swap.tone import Tone, lit, to_lab, to_rgb, tone_between, toned
from facevalue.lab.swap.warp import warped, window_of

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

# Where hair or background lies along the seam, both sides differ by more than light; so much is taken for light.
_MOST_LIGHT = 14.0
MEMBRANE_PX = 96
_SMALLEST_WINDOW_PX = 24
_LEAST = 1 / 255


@dataclass(frozen=True)
class Rendered:
    """A picture with the face exchanged, uint8 (H, W, 3); the share of the source at each place, float32 (H, W) in 0..1

    (exactly 0 where the picture is the target's, untouched); and the tone that was used.
    """

    pixels: Pixels
    mask: Plane
    tone: Tone


def render(
    source: Pixels,
    have: FacePoints,
    target: Pixels,
    want: FacePoints,
    earlier: Tone | None = None,
    share: float = 1.0,
    *,
    refine: bool = True,
) -> Rendered | None:
    """Put the source's face onto the target's; None when the face lies outside the picture.

    have, want: the points of the two faces. earlier: the tone of the frame before; share: how much of this frame's own
    tone is taken, 0..1. refine: whether the learned refiner has the last word, where it is installed.
    """
    window = window_of(want, target.shape)
    if min(window.width, window.height) < _SMALLEST_WINDOW_PX:
        return None
    under = np.ascontiguousarray(target[window.slices])
    over, covered = warped(source, have, want, window)
    shows = both_skin(under, over, want, window)
    alpha = exchange(shows, covered, want, window)
    alpha = np.asarray(alpha * (1 - open_mouth(have, want, window)), np.float32)
    alpha[alpha < _LEAST] = 0  # so that a mask of 8 bits is exact as well
    both = np.asarray(shows * filled(want.outline, window), np.float32)
    matched, tone = _matched(over, under, both, want.span, earlier, share)
    joined = _joined(matched, under, alpha)
    out, mask = target.copy(), np.zeros(target.shape[:2], np.float32)
    mixed = np.asarray(under + (joined - under) * alpha[..., None], np.float32)
    if refine and available():
        mixed = refined(mixed, alpha)
    out[window.slices] = np.where(alpha[..., None] > 0, np.round(np.clip(mixed, 0, 255)), under).astype(np.uint8)
    mask[window.slices] = alpha
    return Rendered(out, mask, tone)


def _matched(
    over: Pixels, under: Pixels, both: Plane, span: float, earlier: Tone | None, share: float
) -> tuple[Plane, Tone]:
    """The source in the target's tone and light, RGB 0..255."""
    source, goal = to_lab(over), to_lab(under)
    own = tone_between(source, goal, both)
    tone = earlier.blended(own, share) if earlier is not None else own
    return to_rgb(lit(toned(source, tone), goal, both, span)), tone


def _joined(over: Plane, under: Pixels, alpha: Plane) -> Plane:
    """Poisson blending (Pérez et al. 2003): the source's gradients, the target's levels along the seam.

    What is added is smooth, so it is solved for at MEMBRANE_PX and enlarged.
    """
    apart = cv2.GaussianBlur(under.astype(np.float32) - over, (0, 0), 1.5)
    factor = min(1.0, MEMBRANE_PX / max(alpha.shape))
    size = (max(8, round(alpha.shape[1] * factor)), max(8, round(alpha.shape[0] * factor)))
    small = cv2.resize(np.clip(apart, -_MOST_LIGHT, _MOST_LIGHT), size, interpolation=cv2.INTER_AREA)
    region = cv2.resize((alpha > 0).astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    light = cv2.resize(
        membrane(np.asarray(small, np.float32), region), alpha.shape[::-1], interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(over + light, np.float32)
