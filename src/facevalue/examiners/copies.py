"""The re-encoded copies on which strong evidence must hold: what any picture goes through on its way to a reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Copy:
    """A named way of making a copy, uint8 RGB (H, W, 3) in and out; the size may change, the framing may not."""

    name: str
    make: Callable[[Pixels], Pixels]


def _jpeg(pixels: Pixels, quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def _resized(pixels: Pixels, factor: float) -> Pixels:
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


COPIES: tuple[Copy, ...] = (
    Copy("JPEG quality 70", lambda pixels: _jpeg(pixels, 70)),
    Copy("resized to 88%, JPEG quality 85", lambda pixels: _jpeg(_resized(pixels, 0.88), 85)),
)
