"""Something wiped out of a picture: the hole is filled so that nothing tells that anything was there."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.lab.edits.edit import Edit, Mask, Pixels, Rng, checked_mask, checked_picture, chosen, confined
from facevalue.lab.edits.patches import fill
from facevalue.lab.edits.regions import draw_region

METHODS = ("patches", "telea", "navier-stokes")
_FLAGS = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}
_MOST_SHARE = 0.6


def inpaint(pixels: Pixels, mask: npt.NDArray[Any] | None, rng: Rng, method: str | None = "patches") -> Edit:
    """Fill the mask from what surrounds it.

    pixels: uint8 RGB (H, W, 3). mask: (H, W), see edit.checked_mask; None draws one. method: "patches" copies texture
    (see edits.patches); "telea" (Telea 2004, doi:10.1080/10867651.2004.10487596) and "navier-stokes" (Bertalmio et al.
    2001, doi:10.1109/CVPR.2001.990497) spread colours and are given the surroundings' grain half of the time; None
    draws one. Raises UsageError for a mask that does not fit or leaves too little of the picture.
    """
    checked_picture(pixels)
    method = chosen(method, METHODS, rng)
    shape = "given"
    if mask is None:
        hole, shape = draw_region(pixels, rng)
    else:
        hole = checked_mask(mask, (pixels.shape[0], pixels.shape[1]))
    if hole.mean() > _MOST_SHARE:
        raise UsageError(f"the mask covers {hole.mean():.0%} of the picture: too little is left to fill it from")
    parameters: dict[str, Any] = {"region": shape}
    if method == "patches":
        return Edit(fill(pixels, hole, rng), hole, method, parameters)
    radius = int(rng.integers(3, 9))
    made = np.asarray(cv2.inpaint(pixels, hole.astype(np.uint8), radius, _FLAGS[method]), np.uint8)
    grain = bool(rng.random() < 0.5)
    if grain:
        made = _grained(made, pixels, hole, rng)
    return Edit(confined(pixels, made, hole), hole, method, {**parameters, "radius": radius, "grain": grain})


def _grained(made: Pixels, pixels: Pixels, hole: Mask, rng: Rng) -> Pixels:
    """The fill with noise as strong and as coarse as that of the pixels around the hole."""
    reach = np.ones((25, 25), np.uint8)
    ring = np.asarray(cv2.dilate(hole.astype(np.uint8), reach), np.bool_) & ~hole
    if not ring.any():
        return made
    fine = pixels.astype(np.float32) - cv2.GaussianBlur(pixels, (0, 0), 1.2).astype(np.float32)
    strength = 1.4826 * float(np.median(np.abs(fine[ring])))
    noise = cv2.GaussianBlur(rng.normal(0, 1, hole.shape).astype(np.float32), (0, 0), 0.5)
    noise *= strength / max(float(noise.std()), 1e-6)
    return np.asarray(np.clip(np.round(made + noise[..., None]), 0, 255), np.uint8)


__all__ = ["METHODS", "inpaint"]
