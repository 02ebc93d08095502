"""What a network does to a picture, rehearsed: the copies from which a mark must be read before it is strong enough."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from facevalue.watermark.host import Pixels

# Larger pictures keep their mark more easily (its bands are fixed to the picture), so this size stands for them.
_SIDE = 1024


def copies(rgb: Pixels) -> Iterator[Pixels]:
    """JPEG quality 30; half the size and JPEG quality 50. Pictures in which larger ones are reduced first."""
    small = _scaled(rgb, min(1.0, _SIDE / max(rgb.shape[:2])))
    yield _jpeg(small, 30)
    yield _jpeg(_scaled(small, 0.5), 50)


def _scaled(rgb: Pixels, factor: float) -> Pixels:
    if factor == 1:
        return rgb
    return np.asarray(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(rgb: Pixels, quality: int) -> Pixels:
    """One trip through JPEG; the order of the channels hardly matters to the luma, but is kept right."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
