"""The EXIF thumbnail against the picture: many editors change the picture and leave the old thumbnail in place."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE_PX = 64
MAX_THUMBNAIL_PX = 1_000_000
# Below this spread of luma (of 255) two pictures correlate by chance.
MIN_SPREAD = 4.0

Luma = npt.NDArray[np.float32]


def compare_thumbnail(jpeg: bytes, pixels: npt.NDArray[np.uint8] | None) -> dict[str, Any]:
    """Size of the thumbnail and its best normalised correlation (-1..1) with the picture on 64 px luma.

    Turned and mirrored copies are tried, since a thumbnail may be stored upright or as the sensor saw it; black bars
    are trimmed; and the picture is also tried cropped to the thumbnail's aspect. correlation is None when there are no
    pixels or either picture is too flat to compare. Raises OSError or ValueError when the thumbnail does not decode.
    """
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as opened:
        facts: dict[str, Any] = {"bytes": len(jpeg), "width": opened.width, "height": opened.height}
        facts["correlation"] = None
        if opened.width * opened.height > MAX_THUMBNAIL_PX or pixels is None or min(pixels.shape[:2]) < 8:
            return facts
        small = np.asarray(opened.convert("L"), np.float32)
    small = _trim_bars(small)
    step = max(1, min(pixels.shape[:2]) // 256)
    whole = pixels[::step, ::step].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    if min(small.shape) < 8 or small.std() < MIN_SPREAD or whole.std() < MIN_SPREAD:
        return facts
    facts["correlation"] = round(max(_correlations(small, _trim_bars(whole)), default=0.0), 4)
    return facts


def _correlations(small: Luma, whole: Luma) -> list[float]:
    found: list[float] = []
    for turns in range(4):
        turned = np.rot90(small, turns)
        aspect = turned.shape[1] / turned.shape[0]
        views = [_standard(whole), _standard(_cropped(whole, aspect))]
        for copy in (turned, turned[:, ::-1]):
            reference = _standard(copy)
            found.extend(float((reference * view).mean()) for view in views)
    return found


def _standard(luma: Luma) -> Luma:
    image = Image.fromarray(np.clip(luma, 0, 255).astype(np.uint8)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    out = np.asarray(image, np.float32)
    return np.asarray((out - out.mean()) / max(float(out.std()), 1e-3), np.float32)


def _cropped(luma: Luma, aspect: float) -> Luma:
    height, width = luma.shape
    keep_w, keep_h = min(width, max(1, round(height * aspect))), min(height, max(1, round(width / aspect)))
    top, left = (height - keep_h) // 2, (width - keep_w) // 2
    return luma[top : top + keep_h, left : left + keep_w]


def _trim_bars(luma: Luma) -> Luma:
    """Without the near-black rows and columns at the edges."""
    rows, columns = np.flatnonzero(luma.mean(1) > 10), np.flatnonzero(luma.mean(0) > 10)
    if rows.size < 8 or columns.size < 8:
        return luma
    return luma[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
