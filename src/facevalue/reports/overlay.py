"""Pictures for reports: a reduced copy, heat maps as transparent overlays, thumbnails. Only numpy and Pillow."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from facevalue.finding import Region

Pixels = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]

PICTURE_SIDE_PX = 1600
HEAT_SIDE_PX = 800
JPEG_QUALITY = 88
CONTOUR_LEVEL = 0.5

# Anchors of the heat map: value, red, green, blue, opacity. Opacity and darkness rise together, so that the map
# keeps its order in grey and for people who see few colours.
_RAMP = np.array(
    [
        (0.00, 255, 237, 160, 0.00),
        (0.15, 255, 237, 160, 0.12),
        (0.35, 254, 178, 76, 0.40),
        (0.55, 240, 90, 40, 0.58),
        (0.75, 200, 20, 60, 0.70),
        (1.00, 90, 0, 80, 0.80),
    ]
)


def data_uri(blob: bytes, media_type: str) -> str:
    """Bytes as a data: URI."""
    return f"data:{media_type};base64,{base64.b64encode(blob).decode('ascii')}"


def reduced(pixels: Pixels, side: int = PICTURE_SIDE_PX) -> Image.Image:
    """The picture, uint8 (H, W, 3), shrunk so that neither side is longer than `side` pixels."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # reducing_gap shrinks very large pictures in two steps, several times as fast at the same quality.
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def jpeg_uri(image: Image.Image, quality: int = JPEG_QUALITY) -> str:
    """An RGB image as a JPEG data: URI."""
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=quality, subsampling=0 if quality > 80 else 2)
    return data_uri(buffer.getvalue(), "image/jpeg")


def crop_uri(pixels: Pixels, box: Box, side: int = 120) -> str | None:
    """A square crop around a box as a JPEG data: URI; None when the box lies outside the picture."""
    height, width = pixels.shape[:2]
    x, y, w, h = box
    half = 0.62 * max(w, h)
    left, top = max(0, int(x + w / 2 - half)), max(0, int(y + h / 2 - half))
    right, bottom = min(width, int(x + w / 2 + half)), min(height, int(y + h / 2 + half))
    if right - left < 2 or bottom - top < 2:
        return None
    return jpeg_uri(reduced(pixels[top:bottom, left:right], side), 85)


def heat_map(
    regions: Iterable[Region], width: int, height: int, side: int = HEAT_SIDE_PX
) -> npt.NDArray[np.float32] | None:
    """The masks of some regions laid onto one canvas, float32 0..1, its longer side at most `side` pixels.

    width and height are those of the upright picture. Where masks overlap the larger value counts. None without
    masks.
    """
    scale = min(1.0, side / max(width, height))
    canvas = np.zeros((max(1, round(height * scale)), max(1, round(width * scale))), np.float32)
    painted = False
    for region in regions:
        if region.mask is not None and region.mask.ndim == 2 and region.mask.size:
            box = region.box or (0.0, 0.0, float(width), float(height))
            painted = _paint(canvas, region.mask, box, scale) or painted
    return canvas if painted else None


def _paint(canvas: npt.NDArray[np.float32], mask: Pixels, box: Box, scale: float) -> bool:
    if not all(map(math.isfinite, box)):
        return False
    left, top = round(box[0] * scale), round(box[1] * scale)
    width, height = max(1, round(box[2] * scale)), max(1, round(box[3] * scale))
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.shape[1], left + width), min(canvas.shape[0], top + height)
    # A box is a claim of an examiner, maybe a third party's: an absurd one must not cost gigabytes here.
    if x1 <= x0 or y1 <= y0 or max(width, height) > 8 * HEAT_SIDE_PX:
        return False
    fitted = Image.fromarray(np.ascontiguousarray(mask, np.uint8)).resize((width, height), Image.Resampling.BILINEAR)
    values = np.asarray(fitted, np.float32)[y0 - top : y1 - top, x0 - left : x1 - left] / 255.0
    np.maximum(canvas[y0:y1, x0:x1], values, out=canvas[y0:y1, x0:x1])
    return True


def colour_heat(heat: npt.NDArray[np.float32]) -> Pixels:
    """A heat map, float32 (H, W) 0..1, as RGBA uint8 with a contour at CONTOUR_LEVEL, readable without colour."""
    values = np.clip(heat, 0.0, 1.0)
    channels = [np.interp(values, _RAMP[:, 0], _RAMP[:, i]) for i in (1, 2, 3)]
    alpha = np.interp(values, _RAMP[:, 0], _RAMP[:, 4]) * 255.0
    rgba = np.stack([*channels, alpha], axis=-1).round().astype(np.uint8)
    inside = values >= CONTOUR_LEVEL
    line = _edge(inside)
    rgba[_edge(~inside)] = (0, 0, 0, 230)  # a dark line beside a light one shows on any picture
    rgba[line] = (255, 255, 255, 255)
    return rgba


def _edge(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pixels of a region that have a neighbour (of four) outside of it; the picture's border is no edge."""
    padded = np.pad(inside, 1, mode="edge")
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(inside & ~core, np.bool_)


def heat_uri(heat: npt.NDArray[np.float32]) -> str:
    """A heat map as a transparent PNG data: URI."""
    buffer = io.BytesIO()
    Image.fromarray(colour_heat(heat)).save(buffer, format="PNG", compress_level=6)
    return data_uri(buffer.getvalue(), "image/png")


def ramp_css() -> str:
    """The colours of the heat map, for a legend, as stops of a CSS gradient."""
    return ", ".join(f"rgba({r:.0f},{g:.0f},{b:.0f},{max(a, 0.05):.2f}) {v:.0%}" for v, r, g, b, a in _RAMP)
