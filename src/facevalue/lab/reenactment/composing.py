"""One frame of a reenactment: the portrait's pixels, its mouth and lids as they are driven, and what was changed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.examiners.lips.mouth import INNER_AT
from facevalue.lab.edits.edit import Mask, Pixels, Plane, confined
from facevalue.lab.reenactment import mouths
from facevalue.lab.reenactment.blinking import lids_closed
from facevalue.lab.reenactment.inside import Inside, borrowed, contour_mask, lip_line, own_teeth, painted, seen, skin_of
from facevalue.lab.reenactment.moving import Window, pulled

Points = npt.NDArray[np.float32]

# From this gap on (eye distances) the portrait's own mouth shows teeth of its own.
OWN_TEETH_FROM = 0.06
# Pixels that move less than this keep their bytes.
_STILL_PX = 0.05


def composed(
    pixels: Pixels, five: Points, own: Points, wanted: Points, lids: float, inside: Inside | None
) -> tuple[Pixels, Mask]:
    """One driven frame, uint8 (H, W, 3), and its mask, bool (H, W): outside it the frame's own bytes.

    own, wanted: lips float32 (22, 2), frame pixels. lids: how far the eyes close, 0..1. inside: what is seen in the
    mouth; None: the portrait's own teeth where its mouth is open, else a painted inside.
    """
    blinked, mask = lids_closed(pixels, five, lids)
    window = Window.around(five, own[mouths.CHIN], (pixels.shape[1], pixels.shape[0]))
    moved, far = pulled(blinked, own, wanted, five, window)
    layer, alpha = _mouth(pixels, five, own, wanted, inside, window)
    met, line = _met(pixels, five, own, wanted, window)
    made = moved + line[..., None] * (met - moved)
    made = made + alpha[..., None] * (layer - made)
    region = (far > _STILL_PX) | (alpha > 0.01) | (line > 0.01)
    out = blinked.copy()
    out[window.rows, window.columns] = confined(blinked[window.rows, window.columns], made, region)
    mask[window.rows, window.columns] |= region
    return out, mask


def _mouth(
    pixels: Pixels, five: Points, own: Points, wanted: Points, inside: Inside | None, window: Window
) -> tuple[Plane, Plane]:
    """What is seen between the lips, float32 (h, w, 3), and how much of it, (h, w)."""
    span = float(np.hypot(*(five[1] - five[0])))
    contour = np.asarray(wanted[INNER_AT], np.float32)
    gap_eyes = mouths.gap(mouths.to_mouth(wanted, five))
    alpha = contour_mask(contour, window, span) * seen(gap_eyes)
    skin = skin_of(pixels, five)
    if inside is not None:
        return borrowed(inside, contour, skin, window), alpha
    layer = painted(contour, gap_eyes, span, skin, window)
    if mouths.gap(mouths.to_mouth(own, five)) > OWN_TEETH_FROM:
        teeth, kept = own_teeth(pixels, own, wanted, window, span)
        layer = layer + kept[..., None] * (teeth - layer)
    return np.asarray(layer, np.float32), alpha


def _met(pixels: Pixels, five: Points, own: Points, wanted: Points, window: Window) -> tuple[Plane, Plane]:
    """Lips closed over teeth: no warp makes teeth vanish. Colours (h, w, 3) and how much of them, (h, w)."""
    open_before = mouths.gap(mouths.to_mouth(own, five)) > OWN_TEETH_FROM
    shut = 1 - seen(mouths.gap(mouths.to_mouth(wanted, five)))
    if not open_before or shut <= 0:
        nothing = np.zeros((window.height, window.width), np.float32)
        return nothing[..., None].repeat(3, axis=2), nothing
    span = float(np.hypot(*(five[1] - five[0])))
    colours, line = lip_line(pixels, own, np.asarray(wanted[INNER_AT], np.float32), window, span)
    return colours, np.asarray(line * shut, np.float32)


__all__ = ["composed"]
