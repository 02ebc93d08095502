"""Comparing two pictures: lay the one over the other, do to the original what was done to all of it, and test."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.comparison import changes, noise, tone
from facevalue.comparison.align import Alignment, Matrix, align, apply, covered, warp
from facevalue.comparison.record import Change, View
from facevalue.comparison.words import describe_region, whole_sentences

Pixels = npt.NDArray[np.uint8]
Planes = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# Pictures are compared at the smaller of their sizes, and at most at this: larger ones would show no more.
MAX_PX = 1600
_MIN_PX = 24
_SLACK_EXACT_PX, _SLACK_PX = 0.12, 0.35
_EDGE_PX = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comparing two pictures gave.

    known_share: of the original that the suspect shows, 0..1. outside: share of the suspect's pixels that lie outside
    the original (bars, bands, whatever surrounds it). quality: of a JPEG that leaves as much, None for no loss.
    """

    alignment: Alignment
    identical: bool
    changed_share: float
    known_share: float
    outside: float
    whole: tuple[str, ...]
    changes: tuple[Change, ...]
    view: View
    mask: Mask
    quality: int | None


def compare_pictures(original: Pixels, suspect: Pixels, *, laid: Alignment | None = None) -> Outcome | None:
    """What was changed from the one to the other, uint8 (h, w, 3); None when nothing in them is common.

    laid: how the suspect lies on the original, where that is known. The mask is in pixels of the original.
    """
    identical = original.shape == suspect.shape and bool(np.array_equal(original, suspect))
    found = Alignment(np.eye(3), 0, True) if identical else laid or align(original, suspect)
    if found is None:
        return None
    frame, known, there, here = _frame(original, suspect, found)
    if int(known.sum()) < _MIN_PX**2:
        return None
    toned = tone.fit(there, here, known)
    expected = toned.apply(there)
    slack = _SLACK_EXACT_PX if found.exact else _SLACK_PX
    inner = _inner(known)
    codec = noise.expected(expected, here, inner, slack)
    # What resizing did to fine detail is forgiven within a pixel; a plain copy is compared pixel by pixel.
    shifts = 0 if found.exact and abs(np.log2(found.scale)) < 0.01 else 1
    mask, regions = changes.changed(expected, here, inner, codec, shifts)
    if identical:
        mask, regions = np.zeros_like(mask), ()
    ratio = (there.shape[1] / original.shape[1], there.shape[0] / original.shape[0])
    view = View(_pixels(there), _pixels(here), known, mask, ratio)
    outside = _outside(original, suspect, found)
    known_share = float(known.mean())
    return Outcome(
        found,
        identical,
        float(mask.sum()) / max(int(known.sum()), 1),
        known_share,
        outside,
        () if identical else whole_sentences(original, suspect, found, known, toned, codec, outside),
        tuple(_change(region, expected, here, mask, frame) for region in regions),
        view,
        _full(mask, original.shape),
        codec.quality,
    )


def _frame(original: Pixels, suspect: Pixels, found: Alignment) -> tuple[float, Mask, Planes, Planes]:
    """The original and the suspect in one frame, at the smaller of their sizes: scale, what is known, the two."""
    height, width = original.shape[:2]
    # Pixels of the suspect for one of the original, along each side: so that a plain resize is not resampled again.
    own = np.linalg.norm(np.linalg.inv(found.matrix / found.matrix[2, 2])[:2, :2], axis=0)
    across, down = np.minimum(own, 1.0) * min(1.0, MAX_PX / float(max(np.minimum(own, 1.0) * (width, height))))
    size = (max(_MIN_PX, round(width * across)), max(_MIN_PX, round(height * down)))
    ratio = np.array([size[0] / width, size[1] / height])
    shrink = np.diag([ratio[0], ratio[1], 1.0])
    shrink[:2, 2] = (ratio - 1) / 2
    there = original if size == (width, height) else cv2.resize(original, size, interpolation=cv2.INTER_AREA)
    matrix = shrink @ found.matrix
    here = suspect if _is_identity(matrix, suspect, size) else warp(suspect, matrix, size)
    known = covered(suspect.shape, matrix, size)
    return float(ratio[0]), known, np.asarray(there, np.float32), np.asarray(here, np.float32)


def _is_identity(matrix: Matrix, suspect: Pixels, size: tuple[int, int]) -> bool:
    return suspect.shape[1::-1] == size and bool(np.allclose(matrix / matrix[2, 2], np.eye(3), atol=1e-3))


def _inner(known: Mask) -> Mask:
    """What is known, without a margin at its edge, where interpolation and ringing mix in what is not."""
    padded = cv2.copyMakeBorder(known.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    whole = bool(known.all())
    kernel = np.ones((2 * _EDGE_PX + 1,) * 2, np.uint8)
    eroded = padded if whole else cv2.erode(padded, kernel)
    return np.asarray(eroded[1:-1, 1:-1]) > 0


def _outside(original: Pixels, suspect: Pixels, found: Alignment) -> float:
    """The share of the suspect's pixels that lie beyond the original's edges."""
    size = (suspect.shape[1], suspect.shape[0])
    return 1 - float(covered(original.shape, np.asarray(np.linalg.inv(found.matrix), np.float64), size).mean())


def _change(region: changes.Region, expected: Planes, here: Planes, mask: Mask, scale: float) -> Change:
    kind, what = describe_region(region, expected, here, mask, scale)
    x, y, w, h = (round(v / scale) for v in region.box)
    return Change(kind, what, box=(x, y, max(1, w), max(1, h)), share=region.share, strength=region.strength)


def _full(mask: Mask, shape: tuple[int, ...]) -> Mask:
    resized = cv2.resize(mask.astype(np.uint8), (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized) > 0


def _pixels(planes: Planes) -> Pixels:
    return np.clip(np.rint(planes), 0, 255).astype(np.uint8)


def crop_box(original: Pixels, suspect: Pixels, found: Alignment) -> tuple[int, int, int, int] | None:
    """The box of the original that the suspect shows, in pixels; None when it shows all of it, to within a pixel."""
    height, width = original.shape[:2]
    h, w = suspect.shape[:2]
    corners = apply(found.matrix, np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]]))
    low = np.maximum(np.rint(corners.min(axis=0) + 0.5), 0).astype(int)
    high = np.minimum(np.rint(corners.max(axis=0) + 0.5), [width, height]).astype(int)
    margin = max(1.0, found.scale, 0.004 * max(width, height))
    if (low <= margin).all() and (np.array([width, height]) - high <= margin).all():
        return None
    return (int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
