"""Measuring a picture's quality: size, compression and blur.

OpenCV is imported on use: the decoding worker imports this package, never measures, and starts sooner without it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.media.picture import PictureQuality

SHARPNESS_SIDE_PX = 512
MIDDLE_SIDE_PX = 2048


def picture_quality(pixels: npt.NDArray[np.uint8], jpeg_quality: int | None = None) -> PictureQuality:
    """Quality of an upright sRGB picture, uint8 (H, W, 3); jpeg_quality comes from the file's facts."""
    import cv2

    height, width = pixels.shape[:2]
    top, left = max(0, (height - MIDDLE_SIDE_PX) // 2), max(0, (width - MIDDLE_SIDE_PX) // 2)
    middle = pixels[top : top + MIDDLE_SIDE_PX, left : left + MIDDLE_SIDE_PX]
    luma = cv2.cvtColor(np.ascontiguousarray(middle), cv2.COLOR_RGB2GRAY)
    scale = min(1.0, SHARPNESS_SIDE_PX / min(height, width))
    small = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else luma
    return PictureQuality(
        short_side=min(height, width),
        jpeg_quality=jpeg_quality,
        blockiness=_blockiness(luma),
        sharpness=float(np.log10(max(cv2.Laplacian(small, cv2.CV_64F).var(), 1e-3))),
    )


def _blockiness(luma: npt.NDArray[np.uint8]) -> float:
    """Mean luma step across the strongest of the eight possible grid phases over the median of the others."""
    ratios = []
    for axis in (0, 1):
        if luma.shape[axis] < 24:
            continue
        steps = np.abs(np.diff(luma.astype(np.int16), axis=axis)).mean(axis=1 - axis)
        phases = np.array([steps[p::8].mean() for p in range(8)])
        ratios.append(float((phases.max() + 0.05) / (np.median(phases) + 0.05)))
    return float(np.mean(ratios)) if ratios else 1.0
