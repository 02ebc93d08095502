"""The quality record of one face: what conditions how far any examiner of faces may be trusted."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np
import numpy.typing as npt

BLUR_SIDE_PX = 112


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """size_px: shorter side of the box. sharpness: log10 of the variance of the Laplacian on the face shrunk to at
    most 112 px (about 1 blurred .. 3.5 crisp). yaw, roll: degrees, estimated from five landmarks. exposure: mean
    luma, 0..1. contrast: standard deviation of luma, 0..1. truncated: share of the box outside the picture, 0..1.
    """

    size_px: float
    sharpness: float
    yaw: float
    roll: float
    exposure: float
    contrast: float
    truncated: float

    def to_dict(self) -> dict[str, float]:
        """JSON-ready, rounded."""
        return {key: round(float(value), 3) for key, value in asdict(self).items()}


def face_quality(
    pixels: npt.NDArray[np.uint8], box: tuple[float, float, float, float], landmarks: npt.NDArray[np.float32]
) -> FaceQuality:
    """Measure one face of an upright RGB picture, uint8 (H, W, 3); box and landmarks in its pixels."""
    x, y, w, h = box
    height, width = pixels.shape[:2]
    x0, y0 = int(np.clip(x, 0, width - 1)), int(np.clip(y, 0, height - 1))
    x1, y1 = int(np.clip(np.ceil(x + w), x0 + 1, width)), int(np.clip(np.ceil(y + h), y0 + 1, height))
    luma = cv2.cvtColor(np.ascontiguousarray(pixels[y0:y1, x0:x1]), cv2.COLOR_RGB2GRAY)
    scale = min(1.0, BLUR_SIDE_PX / max(1, min(luma.shape)))
    if scale < 1.0:
        luma = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    sharpness = float(np.log10(max(cv2.Laplacian(luma, cv2.CV_64F).var(), 1e-3)))
    eyes = landmarks[1] - landmarks[0]
    span = float(np.hypot(*eyes)) or 1.0
    # The nose's offset along the eye line, from its middle: 0 frontal, about +-0.5 (of the eye span) at 45 degrees.
    offset = float(np.dot(landmarks[2] - landmarks[:2].mean(axis=0), eyes)) / span**2
    return FaceQuality(
        size_px=float(min(w, h)),
        sharpness=sharpness,
        yaw=float(np.clip(offset * 90.0, -90.0, 90.0)),
        roll=float(np.degrees(np.arctan2(eyes[1], eyes[0]))),
        exposure=float(luma.mean() / 255.0),
        contrast=float(luma.std() / 255.0),
        truncated=float(np.clip(1.0 - (x1 - x0) * (y1 - y0) / max(1.0, w * h), 0.0, 1.0)),
    )
