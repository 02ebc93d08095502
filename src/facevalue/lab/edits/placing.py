"""Taking a region out of one picture and laying it into another, turned, scaled and mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.lab.edits.edit import Mask, Pixels, Plane, Rng, box_around, confined, soft_edge
from facevalue.lab.edits.seamless import seamless

# How a region is joined to what it is laid on.
JOINS = ("feather", "poisson", "hard")
_LEAST_PX = 12


@dataclass(frozen=True, slots=True)
class Move:
    """What happens to a region: degrees turned, scale, mirrored left to right, and where its middle comes (x, y)."""

    angle: float
    scale: float
    mirrored: bool
    to: tuple[float, float]

    def matrix(self, middle: tuple[float, float]) -> npt.NDArray[np.float64]:
        """The 2x3 affine map from the region's own picture to the other; middle: the region's, x and y."""
        turn = np.deg2rad(self.angle)
        c, s = self.scale * np.cos(turn), self.scale * np.sin(turn)
        linear = np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if self.mirrored else 1.0, 1.0])
        return np.column_stack([linear, np.array(self.to) - linear @ np.array(middle)])

    @property
    def plain(self) -> bool:
        """Whether pixels are moved by whole steps alone and keep their values."""
        return self.angle == 0 and self.scale == 1 and not self.mirrored


def middle_of(mask: Mask) -> tuple[float, float]:
    """Of the box around the mask: x, y."""
    rows, columns = box_around(mask)
    return (columns.start + columns.stop - 1) / 2, (rows.start + rows.stop - 1) / 2


def laid(picture: Pixels, mask: Mask, move: Move, shape: tuple[int, int]) -> tuple[Pixels, Mask]:
    """The moved picture and mask on a canvas of that shape; pixels that the picture does not have are not in the mask.

    Raises UsageError when nothing of the region lies on the canvas.
    """
    matrix = move.matrix(middle_of(mask))
    if move.plain:
        matrix[:, 2] = np.round(matrix[:, 2])
    size = (shape[1], shape[0])
    way = cv2.INTER_NEAREST if move.plain else cv2.INTER_CUBIC
    if not move.plain and move.scale < 0.7:  # averaged first: cubic sampling alone would skip pixels
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / move.scale), np.uint8)
    moved = cv2.warpAffine(picture, matrix, size, flags=way, borderMode=cv2.BORDER_REFLECT_101)
    inside = cv2.warpAffine(mask.astype(np.uint8) * 255, matrix, size, flags=cv2.INTER_LINEAR) > 127
    if int(inside.sum()) < _LEAST_PX:
        raise UsageError("the region is too small, or lies outside the picture that it is laid into")
    return np.asarray(moved, np.uint8), np.asarray(inside, np.bool_)


def joined(base: Pixels, moved: Pixels | Plane, region: Mask, how: str, rng: Rng) -> tuple[Pixels, float]:
    """The base with moved inside the region, joined in one of the ways of JOINS; the feather's width in pixels too."""
    if how == "poisson":
        return seamless(base, moved, region), 0.0
    sigma = 0.0 if how == "hard" else float(rng.uniform(0.4, 2.0)) * max(1.0, min(base.shape[:2]) / 512)
    alpha = soft_edge(region, sigma)[..., None]
    mixed = base.astype(np.float32) * (1 - alpha) + moved.astype(np.float32) * alpha
    return confined(base, np.asarray(mixed, np.float32), region), round(3 * sigma, 2)


__all__ = ["JOINS", "Move", "joined", "laid", "middle_of"]
