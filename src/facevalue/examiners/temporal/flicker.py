"""What changes from frame to frame once motion is taken out: in the skin, in the ring around the face, outside of it.

Energies are compared between areas of the same frames, so that noise, codec and light, which act on all, cancel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facevalue.examiners.temporal.areas import Areas, Bools
from facevalue.examiners.temporal.motion import Floats, Pixels, Planes

# Added to energies (grey levels squared), so that what quantisation hides does not become a ratio of nothings.
FLOOR_FINE, FLOOR_COARSE, FLOOR_COLOUR, FLOOR_MEAN = 0.25, 0.02, 0.02, 2e-4
TEXTURE_FLOOR = 9.0
COARSE_PX = 3.0


@dataclass(frozen=True, slots=True)
class Residuals:
    """What differs between each frame and the next one moved back onto it: float32 (n - 1, side, side) each.

    fine: luma. coarse: luma, blurred. red, blue: the chroma planes, blurred. texture: gradient energy of the mean
    frame, float32 (side, side); flow errs in proportion to it.
    """

    fine: Planes
    coarse: Planes
    red: Planes
    blue: Planes
    texture: Planes


def residuals(ycc: Pixels, flow: Planes) -> Residuals:
    """Of the frames of a burst, uint8 (n, side, side, 3) in YCrCb, and the flow between them."""
    side = ycc.shape[1]
    gx, gy = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    planes = ycc.astype(np.float32)
    fine, coarse, red, blue = [], [], [], []
    for i, step in enumerate(flow):
        back = cv2.remap(
            planes[i + 1], gx + step[..., 0], gy + step[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        off = np.asarray(back, np.float32) - planes[i]
        blurred = np.asarray(cv2.GaussianBlur(off, (0, 0), COARSE_PX), np.float32)
        fine.append(off[..., 0])
        coarse.append(blurred[..., 0])
        red.append(blurred[..., 1])
        blue.append(blurred[..., 2])
    return Residuals(np.stack(fine), np.stack(coarse), np.stack(red), np.stack(blue), _gradients(planes[..., 0]))


def _gradients(luma: Planes) -> Planes:
    mean = luma.mean(axis=0)
    gx, gy = cv2.Sobel(mean, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(mean, cv2.CV_32F, 0, 1, scale=0.125)
    return np.asarray(cv2.GaussianBlur(gx * gx + gy * gy, (0, 0), 1.5), np.float32)


def fine_energy(found: Residuals, area: Bools) -> float:
    """log10 of the luma residual's energy in an area, relative to the texture there."""
    relative = (found.fine[:, area] ** 2).mean(axis=0) + FLOOR_FINE
    return float(np.log10(np.mean(relative / (found.texture[area] + TEXTURE_FLOOR))))


def coarse_energy(found: Residuals, area: Bools) -> float:
    """log10 of the energy of slow (blurred) luma changes in an area, grey levels squared."""
    return float(np.log10((found.coarse[:, area] ** 2).mean() + FLOOR_COARSE))


def colour_energy(found: Residuals, area: Bools) -> float:
    """log10 of the energy of chroma changes in an area, levels squared."""
    energy = (found.red[:, area] ** 2).mean() + (found.blue[:, area] ** 2).mean()
    return float(np.log10(energy + FLOOR_COLOUR))


def comes_back(found: Residuals, area: Bools) -> float:
    """How far an area's luma residual is taken back by the next one, -1..1: their correlation, negated.

    About 0.5 where each frame is made anew.
    """
    a, b = (part[:, area].astype(np.float64) for part in (found.fine[:-1], found.fine[1:]))
    return -float((a * b).sum() / max((a * a).sum() * (b * b).sum(), 1e-9) ** 0.5)


def mean_tremble(ycc: Pixels, area: Bools) -> float:
    """log10 of the energy of second differences of an area's mean colour over time, levels squared."""
    means: Floats = ycc[:, area].mean(axis=1, dtype=np.float64)
    return float(np.log10((np.diff(means, n=2, axis=0) ** 2).sum(axis=1).mean() + FLOOR_MEAN))


def noise(found: Residuals, where: Areas) -> float:
    """log10 of the energy that changes outside the face, grey levels squared: noise, codec, background."""
    return float(np.log10((found.fine[:, where.outside] ** 2).mean() + FLOOR_FINE))
