"""Pictures with faces of a chosen size at a chosen place."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

# The face in scikit-image's astronaut, by eye: image-left eye, image-right eye, both 45 px apart.
LEFT_EYE, RIGHT_EYE = (201, 105), (245, 106)
CUT_TOP, CUT_LEFT, CUT_SIDE = 20, 120, 220


@pytest.fixture(scope="session")
def on_canvas(portrait: np.ndarray) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """on_canvas(face_px, x, y): grey 2400 x 1800 picture with the face, about face_px wide, and its two eyes."""

    def make(face_px: float, x: int, y: int, width: int = 2400, height: int = 1800) -> tuple[np.ndarray, np.ndarray]:
        scale = face_px / 90
        cut = portrait[CUT_TOP : CUT_TOP + CUT_SIDE, CUT_LEFT : CUT_LEFT + CUT_SIDE]
        small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas = np.full((height, width, 3), 110, np.uint8)
        canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
        eyes = (np.array([LEFT_EYE, RIGHT_EYE], float) - (CUT_LEFT, CUT_TOP)) * scale + (x, y)
        return canvas, eyes

    return make
