"""What re-encoding leaves behind: how far a pixel may differ though nothing was changed, by what surrounds it.

The original, laid and toned like the suspect, is compressed at several qualities. The one whose residue is as large as
what most of the picture differs by is the suspect's codec, whatever it was; its residue gives the variance to expect
in flat, textured and sharp places. What interpolation adds along edges is a part of a pixel's gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Planes = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

QUALITIES = (97, 92, 85, 75, 65, 55, 45, 35, 25, 15, 8)
_WINDOW = 9
_BINS = 12
# Variance that rounding and colour conversion leave everywhere, in levels squared.
_FLOOR = 1.2


@dataclass(frozen=True, slots=True)
class Noise:
    """variance: float32 (h, w), to be expected of one channel. quality: of the JPEG that leaves as much; None for none.

    level: the root mean square that was met in most of the picture, in levels.
    """

    variance: Plane
    quality: int | None
    level: float


def expected(original: Planes, suspect: Planes, known: Mask, slack_px: float) -> Noise:
    """What two copies may differ by; both float32 (h, w, 3) of one frame. slack_px: how well they are aligned."""
    met = energy(suspect - original)
    gradient = _gradient(original)
    edges = np.square(np.float32(slack_px)) * gradient
    texture = np.log2(1 + gradient)
    rest = np.maximum(met - edges, 0)
    chosen, ratio, model = _codec(original, rest, known)
    scaled = cv2.blur(model, (_WINDOW, _WINDOW)) * np.float32(np.clip(ratio, 0.25, 3.0))
    level = float(np.sqrt(np.median(met[known]))) if known.any() else 0.0
    own = _spread(_by_texture(rest, texture, known, 60), texture)
    most = np.percentile(met[known], 60) if known.any() else 0.0
    variance = np.maximum(scaled, np.minimum(own, 4 * scaled + np.float32(most))) + edges + np.float32(_FLOOR)
    quality_named = None if level < 1.0 else chosen
    return Noise(np.asarray(variance, np.float32), quality_named, level)


def _codec(original: Planes, rest: Plane, known: Mask) -> tuple[int, float, Plane]:
    """The quality whose residue is as large as the rest in most places, by how much it is off, and the residue."""
    best: tuple[float, int, float, Plane] | None = None
    for quality in QUALITIES:
        residue = energy(_coded(original, quality) - original)
        gap = float(np.median(np.log((rest[known] + 1) / (residue[known] + 1)))) if known.any() else 0.0
        if best is None or abs(gap) < best[0]:
            best = (abs(gap), quality, float(np.exp(gap)), residue)
        if gap < 0:  # stronger compression only leaves more
            break
    assert best is not None
    return best[1], best[2], best[3]


def energy(difference: Planes) -> Plane:
    """The mean square over a window and the channels, luma counting most: float32 (h, w)."""
    b, g, r = (difference[..., c] for c in (2, 1, 0))
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    chroma = 0.25 * (np.square(r - luma) + np.square(b - luma))
    return np.asarray(cv2.blur(np.square(luma) + chroma, (_WINDOW, _WINDOW)), np.float32)


def _gradient(rgb: Planes) -> Plane:
    """The mean square slope of the luma around a pixel, in levels per pixel, squared."""
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)
    x, y = cv2.Sobel(luma, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(luma, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(cv2.blur(np.square(x) + np.square(y), (_WINDOW, _WINDOW)), np.float32)


def _coded(rgb: Planes, quality: int) -> Planes:
    data = np.ascontiguousarray(np.clip(np.rint(rgb), 0, 255).astype(np.uint8)[..., ::-1])
    coded = cv2.imdecode(cv2.imencode(".jpg", data, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return np.asarray(coded[..., ::-1], np.float32)


def _by_texture(plane: Plane, texture: Plane, known: Mask, percentile: float) -> npt.NDArray[np.float64]:
    """A percentile of the plane in each of several bins of texture; an empty bin has that of its neighbour."""
    values, places = plane[known], np.clip((texture[known]).astype(int), 0, _BINS - 1)
    if not len(values):
        return np.zeros(_BINS)
    found = np.full(_BINS, np.nan)
    for place in np.unique(places):
        inside = values[places == place]
        if len(inside) >= 50:
            found[place] = np.percentile(inside, percentile)
    there = np.flatnonzero(~np.isnan(found))
    if not len(there):
        return np.full(_BINS, float(np.percentile(values, percentile)))
    return np.asarray(np.interp(np.arange(_BINS), there, found[there]), np.float64)


def _spread(profile: npt.NDArray[np.float64], texture: Plane) -> Plane:
    return np.asarray(np.interp(texture, np.arange(_BINS) + 0.5, profile), np.float32)
