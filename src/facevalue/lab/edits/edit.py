"""What an edit of a picture is, and the promise that it keeps: outside its mask nothing changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.float32]
Rng = np.random.Generator

SMALLEST_PX = 32


@dataclass(frozen=True, slots=True)
class Edit:
    """An edited picture and exactly where it was edited.

    pixels: uint8 (H, W, 3), of the source's size. mask: bool (H, W), True where the edit acted; everywhere else pixels
    equals the source byte for byte. method: of the tool, such as "telea". parameters: JSON-ready. origin: bool (H, W),
    where in the same picture the pixels came from (copy-move only).
    """

    pixels: Pixels
    mask: Mask
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    origin: Mask | None = None

    @property
    def share(self) -> float:
        """The share of the picture's pixels inside the mask, 0..1."""
        return float(self.mask.mean())


def confined(source: Pixels, changed: Plane | Pixels, region: Mask) -> Pixels:
    """changed inside the region, the source's own bytes outside. changed: (H, W, 3), 0..255, rounded and clipped."""
    whole = np.clip(np.round(changed), 0, 255).astype(np.uint8)
    return np.asarray(np.where(region[..., None], whole, source), np.uint8)


def checked_picture(pixels: Pixels) -> Pixels:
    """The picture, when it is uint8 RGB of at least SMALLEST_PX a side. Raises UsageError when it is not."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise UsageError("a picture is an array of uint8, height x width x 3")
    if min(pixels.shape[:2]) < SMALLEST_PX:
        raise UsageError(f"the picture is smaller than {SMALLEST_PX} px: too small to edit")
    return pixels


def checked_mask(mask: npt.NDArray[Any], shape: tuple[int, int]) -> Mask:
    """A mask of any number type as bool: what is above half of its type's range (bool: True; float: 0.5) is inside.

    Raises UsageError when it is of another size, or empty.
    """
    if mask.ndim == 3:
        mask = mask.max(axis=2)
    if mask.shape != shape:
        raise UsageError(f"the mask is {mask.shape[1]} x {mask.shape[0]}, the picture {shape[1]} x {shape[0]} pixels")
    inside = mask if mask.dtype == np.bool_ else mask > (0.5 if mask.dtype.kind == "f" else 127)
    if not inside.any():
        raise UsageError("the mask is empty: white marks what to edit")
    return np.asarray(inside, np.bool_)


def box_around(mask: Mask, margin: int = 0) -> tuple[slice, slice]:
    """Rows and columns that hold the mask's True pixels and margin pixels around, cut at the picture's edges."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    return (
        slice(max(0, int(rows[0]) - margin), min(height, int(rows[-1]) + 1 + margin)),
        slice(max(0, int(columns[0]) - margin), min(width, int(columns[-1]) + 1 + margin)),
    )


def soft_edge(mask: Mask, sigma: float) -> Plane:
    """A mask with a soft edge that lies inside it, float32 (H, W), 0 outside: what is outside stays as it is."""
    if sigma <= 0:
        return mask.astype(np.float32)
    inward = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    ramp = np.clip(inward / (3.0 * sigma), 0.0, 1.0)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)


def chosen(method: str | None, methods: tuple[str, ...], rng: Rng) -> str:
    """The method asked for, or one drawn. Raises UsageError for one that is not among them."""
    if method is None:
        return str(rng.choice(methods))
    if method not in methods:
        raise UsageError(f"unknown method '{method}'; one of: {', '.join(methods)}")
    return method


__all__ = ["Edit", "Mask", "Pixels", "Plane", "Rng", "box_around", "checked_mask", "checked_picture", "chosen"]
__all__ += ["confined", "soft_edge"]
