"""What was done, in sentences: to the whole picture, and to a region of it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.comparison.align import Alignment
from facevalue.comparison.changes import Region
from facevalue.comparison.noise import Noise
from facevalue.comparison.tone import Tone

Pixels = npt.NDArray[np.uint8]
Planes = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_TONE_LEVELS = 4.0
_FLAT_SHARE, _FLAT_LEVELS, _FLAT_COLOURS = 0.7, 24, 4
_COPY_NCC, _COPY_LEAST_PX, _COPY_MOST_PX = 0.93, 12, 200
_TILT = 0.02


def whole_sentences(
    original: Pixels, suspect: Pixels, found: Alignment, known: Mask, toned: Tone, codec: Noise, outside: float
) -> tuple[str, ...]:
    """What was done to all of the picture; each a sentence without a full stop at its end left out."""
    out = []
    if found.mirrored:
        out.append("The suspect is mirrored.")
    if abs(found.rotation_deg) >= 0.3:
        way = "counter-clockwise" if found.rotation_deg < 0 else "clockwise"
        out.append(f"To lie on the original it is turned by {abs(found.rotation_deg):.1f} degrees {way}.")
    out += _framing(original, suspect, found, known, outside)
    out += _tone(toned)
    if codec.quality is not None and codec.level >= 1.0:
        out.append(
            f"It was re-encoded: what most of it differs by is what a JPEG of quality {codec.quality} leaves "
            f"({codec.level:.1f} levels)."
        )
    return tuple(out)


def _framing(original: Pixels, suspect: Pixels, found: Alignment, known: Mask, outside: float) -> list[str]:
    out = []
    lost = 1 - float(known.mean())
    if lost >= 0.004:
        out.append(f"{100 * lost:.1f}% of the original is not shown: it was cropped away.")
    if outside >= 0.004:
        out.append(f"{100 * outside:.1f}% of the suspect lies around the original: bars, bands or a page were added.")
    if abs(np.log2(found.scale)) >= 0.01:
        out.append(f"It is shown at {100 / found.scale:.0f}% of the original's size.")
    matrix = found.matrix / found.matrix[2, 2]
    stretch = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    if stretch[0] / stretch[1] >= 1.01:
        out.append(f"Its sides were stretched by {100 * (stretch[0] / stretch[1] - 1):.0f}% against one another.")
    corners = np.array([[0, 0, 1], [suspect.shape[1], 0, 1], [0, suspect.shape[0], 1]], np.float64)
    if np.ptp(corners @ matrix[2]) >= _TILT:
        out.append("It is seen at an angle, as in a photograph of a screen or a print.")
    return out


def _tone(toned: Tone) -> list[str]:
    if toned.grey:
        return ["Colour was taken away."]
    if toned.change >= _TONE_LEVELS:
        return [f"Brightness, contrast or colour of all of it was changed, by {toned.change:.0f} levels on average."]
    return []


def describe_region(region: Region, expected: Planes, here: Planes, mask: Mask, scale: float) -> tuple[str, str]:
    """The kind of a change, and a sentence on it."""
    x, y, w, h = region.box
    inside = mask[y : y + h, x : x + w]
    new, old = here[y : y + h, x : x + w], expected[y : y + h, x : x + w]
    if _flat(new, inside) and not _flat(old, inside):
        return "covered", "It was covered by a flat colour or by writing on one."
    source = _copied_from(region, here, expected)
    if source is not None:
        sx, sy = (round(v / scale) for v in source)
        return "copied", f"What is there now is the same as what lies at x {sx}, y {sy} of the original."
    if _detail(new, inside) < 0.5 * _detail(old, inside):
        return "replaced", "Detail was removed: it is smoother than the original."
    return "replaced", "It was replaced by other content."


def _flat(planes: Planes, inside: Mask) -> bool:
    """Whether most of it is of a few colours, as writing on a band is."""
    pixels = planes[inside]
    if not len(pixels):
        return False
    keys = (pixels // _FLAT_LEVELS).astype(np.int64) @ np.array([1, 64, 4096])
    counts = np.unique(keys, return_counts=True)[1]
    return bool(np.sort(counts)[-_FLAT_COLOURS:].sum() >= _FLAT_SHARE * len(pixels))


def _detail(planes: Planes, inside: Mask) -> float:
    luma = planes.mean(axis=2)
    return float(np.abs(cv2.Laplacian(luma, cv2.CV_32F))[inside].mean()) if inside.any() else 0.0


def _copied_from(region: Region, here: Planes, expected: Planes) -> tuple[float, float] | None:
    """Where the region's content occurs in the original elsewhere: the top left corner of its middle part's box."""
    x, y, w, h = region.box
    side_x, side_y = min(w, _COPY_MOST_PX), min(h, _COPY_MOST_PX)
    if min(side_x, side_y) < _COPY_LEAST_PX:
        return None
    left, top = x + (w - side_x) // 2, y + (h - side_y) // 2
    # A quarter off each side: a box holds more than what was copied.
    cut_x, cut_y = side_x // 5, side_y // 5
    patch = here[top + cut_y : top + side_y - cut_y, left + cut_x : left + side_x - cut_x].mean(axis=2)
    if min(patch.shape) < 8 or patch.std() < 6:
        return None
    scores = cv2.matchTemplate(expected.mean(axis=2), patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, at = cv2.minMaxLoc(scores)
    away = np.hypot(at[0] - (left + cut_x), at[1] - (top + cut_y))
    if best < _COPY_NCC or away < max(4, min(w, h) / 4):
        return None
    return (float(at[0] - cut_x), float(at[1] - cut_y))


__all__ = ["describe_region", "whole_sentences"]
