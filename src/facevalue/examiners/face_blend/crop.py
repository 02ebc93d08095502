"""What the face_blend examiner looks at: one crop geometry for training and examination."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facevalue.faces import crop_face

FACE_CROP_PX = 160
FACE_MARGIN = 1.3
MIN_FACE_PX = 64

Pixels = npt.NDArray[np.uint8]


def face_crop(pixels: Pixels, box: tuple[float, float, float, float], margin: float = FACE_MARGIN) -> Pixels:
    """The square of margin x the longer side of the face's box, uint8 (160, 160, 3)."""
    return crop_face(pixels, box, margin, FACE_CROP_PX)


def to_network(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """uint8 (N, S, S, 3) -> float32 (N, 3, S, S) in [-1, 1]."""
    return np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).astype(np.float32) / 127.5 - 1.0
