"""Bringing both sides of a pair to the same crop, size, spectrum, trip and codec.

The order matters. A picture is cropped and shrunk first (never enlarged: what was enlarged betrays its source), forged
at its final size, so that masks are exact, and then both sides take the same trip with the same random numbers and are
encoded once, alike. Every encoded picture, of either class, carries the same comment.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from facevalue.faces import crop_square, detect_faces
from facevalue.lab.corpus.makers import MIN_FACE_PX, NothingToForgeError, View
from facevalue.lab.corpus.recipe import Equalise, Recipe
from facevalue.lab.launder import launder

Pixels = npt.NDArray[np.uint8]
Curve = npt.NDArray[np.float64]

STATEMENT = "synthetic training data: a facevalue corpus; each picture is real or forged, and its index says which"
# How far a spectrum may be pulled: noise that is not there cannot be amplified into detail.
GAIN_LOW, GAIN_HIGH, STEPS = 0.02, 4.0, 8


def cropped(pixels: Pixels, equal: Equalise) -> View:
    """The square that the recipe asks for. Raises NothingToForgeError: too small, or no face."""
    height, width = pixels.shape[:2]
    side, centre = float(min(height, width)), (width / 2, height / 2)
    landmarks = None
    if equal.crop == "face":
        found = detect_faces(pixels, max_faces=1)
        if not found or found[0].size_px < MIN_FACE_PX:
            raise NothingToForgeError(f"no face of at least {MIN_FACE_PX} px")
        x, y, w, h = found[0].box
        side, landmarks = min(side, max(w, h) * equal.margin), found[0].landmarks
        # Moved to stay inside the picture: mirrored borders would be seams of our own making.
        cx, cy = min(max(x + w / 2, side / 2), width - side / 2), min(max(y + h / 2, side / 2), height - side / 2)
        centre = (cx, cy)
    if side < equal.side_px:
        raise NothingToForgeError(f"the crop is smaller than {equal.side_px} px, and nothing is enlarged")
    out = crop_square(pixels, centre, side, equal.side_px)
    if landmarks is not None:
        corner = (round(centre[0] - side / 2), round(centre[1] - side / 2))
        landmarks = ((landmarks - corner) * (equal.side_px / round(side))).astype(np.float32)
    return View(out, landmarks)


# The spectrum


def spectrum(pixels: Pixels) -> Curve:
    """The log power of the luma under a Hann window, averaged over rings one cycle wide: float64 (S // 2,), from 1 on.

    Azimuthally averaged, as Durall et al. 2020 (arXiv:1911.00686) tell generated pictures by; the mean is left out.
    """
    return _curve(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64))


def _curve(grey: npt.NDArray[Any]) -> Curve:
    side = min(grey.shape)
    window, rings, counts = _rings(side)
    power = np.abs(np.fft.fftshift(np.fft.fft2((grey[:side, :side] - grey.mean()) * window))) ** 2
    sums = np.bincount(rings, power.ravel())
    return np.asarray(np.log(sums[1 : side // 2 + 1] / counts[1 : side // 2 + 1] + 1e-3), np.float64)


@functools.cache
def _rings(side: int) -> tuple[Curve, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    rows, columns = np.mgrid[0:side, 0:side] - side // 2
    rings = np.round(np.hypot(rows, columns)).astype(np.int64).ravel()
    return np.outer(np.hanning(side), np.hanning(side)), rings, np.bincount(rings)


def gain(pixels: Pixels, target: Curve) -> Curve:
    """The factor by ring that takes the picture's spectrum to the target's, within limits: float64 (S // 2,).

    Found step by step: a filter's effect under a window is not quite the filter's, and what clips is lost.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    factors, seen = np.ones_like(target), grey
    for _ in range(STEPS):
        factors = np.clip(factors * np.exp((target - _curve(seen[..., 0])) / 2), GAIN_LOW, GAIN_HIGH)
        seen = shaped(grey, factors)
    return np.asarray(factors, np.float64)


def shaped(pixels: Pixels, factors: Curve) -> Pixels:
    """The picture, uint8 (S, S, C), with every frequency multiplied by its ring's factor, clipped; the mean stays.

    By a cosine transform, which knows no seam at the picture's edges; its coefficient k is k / 2 cycles.
    """
    side = pixels.shape[0]
    weights = np.interp(_radius(side + side % 2), np.arange(1, len(factors) + 1), factors).astype(np.float32)
    weights[0, 0] = 1
    planes = [
        cv2.idct(cv2.dct(_even(pixels[..., c].astype(np.float32))) * weights)[:side, :side]
        for c in range(pixels.shape[2])
    ]
    return np.clip(np.round(np.stack(planes, axis=-1)), 0, 255).astype(np.uint8)


@functools.cache
def _radius(side: int) -> Curve:
    """Cycles of each coefficient of a cosine transform."""
    return np.asarray(np.hypot(*np.mgrid[0:side, 0:side]) / 2, np.float64)


def _even(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """OpenCV's transform wants even sides: an odd one repeats its last row and column."""
    odd = plane.shape[0] % 2
    return np.pad(plane, ((0, odd), (0, odd)), mode="edge") if odd else np.ascontiguousarray(plane)


# The trip and the codec


@dataclass(frozen=True, slots=True)
class Way:
    """What both sides of a pair go through."""

    trip: str
    codec: str
    quality: int
    seed: int


def way(recipe: Recipe, seed: int) -> Way:
    """The way of a pair, drawn from its seed."""
    rng = np.random.default_rng((seed, 1))
    low, high = recipe.equalise.quality
    return Way(
        str(rng.choice(recipe.launder.trips)),
        str(rng.choice(recipe.equalise.codecs)),
        int(rng.integers(low, high + 1)),
        int(rng.integers(2**31)),
    )


def travelled(pixels: Pixels, taken: Way, side_px: int) -> bytes:
    """The picture after its trip, back at side_px, encoded."""
    if taken.trip != "none":
        pixels = launder(pixels, taken.trip, taken.seed)
    if pixels.shape[:2] != (side_px, side_px):
        kernel = cv2.INTER_AREA if pixels.shape[0] > side_px else cv2.INTER_CUBIC
        pixels = np.asarray(cv2.resize(pixels, (side_px, side_px), interpolation=kernel), np.uint8)
    return encode(pixels, taken.codec, taken.quality)


def encode(pixels: Pixels, codec: str, quality: int) -> bytes:
    """A JPEG (4:2:0), WebP or PNG with the corpus's statement inside; quality does not concern PNG."""
    buffer, picture = io.BytesIO(), Image.fromarray(pixels)
    if codec == "png":
        info = PngInfo()
        info.add_text("Comment", STATEMENT)
        picture.save(buffer, "PNG", pnginfo=info)
    elif codec == "webp":
        picture.save(buffer, "WEBP", quality=quality, xmp=STATEMENT.encode())
    else:
        picture.save(buffer, "JPEG", quality=quality, subsampling=2, comment=STATEMENT.encode())
    return buffer.getvalue()


def encode_mask(mask: npt.NDArray[np.float32]) -> bytes:
    """A mask, float32 (S, S) in 0..1, as a grey PNG."""
    buffer, info = io.BytesIO(), PngInfo()
    info.add_text("Comment", STATEMENT)
    Image.fromarray(np.round(np.clip(mask, 0, 1) * 255).astype(np.uint8)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()
