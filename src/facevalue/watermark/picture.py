"""A mark in a picture: informed spread spectrum in the middle bands of the luma, in units of the picture.

Strength adapts: down the steps of LADDER_DB the mark is made stronger until it is read from rehearsals of what a
network does to a picture (JPEG quality 30; half the size and JPEG quality 50). Measured figures: see the card of the
examiner `watermark` and docs/watermark.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from facevalue.errors import UsageError
from facevalue.watermark import code, evidence, host, rehearsal
from facevalue.watermark.informed import Host
from facevalue.watermark.lapped import SIDE, Plane, synthesise
from facevalue.watermark.pattern import scattered
from facevalue.watermark.payload import Payload
from facevalue.watermark.reading import Reading

Pixels = host.Pixels
Mask = host.Mask

# Half of the one still resolves the highest band (90 pixels); below the other hardly any band is left.
MIN_MARK_PX, MIN_READ_PX = 200, 32
LADDER_DB = (40.3, 39.3, 38.2, 37.2, 36.2)
LOWEST_DB = 36.0
# A mark is strong enough when the rehearsals are read with this agreement; one that is read with less is refused.
_AGREEMENT, _BARELY = 0.72, 0.65
_KNOWN_AT_LEAST = 0.2
ORIENTATIONS = 8


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked picture. rgb: uint8 (H, W, 3). psnr_db: against the original, over all three channels.

    score: the least agreement (0..1) among the rehearsals; below 0.65 expect that such treatment can cost the mark.
    """

    rgb: Pixels
    psnr_db: float
    score: float = 0.0


def embed(rgb: Pixels, payload: Payload) -> Marked:
    """Hide a payload. rgb: uint8 (H, W, 3), upright, sides of at least MIN_MARK_PX pixels.

    Raises UsageError for anything else, and where no mark of at least LOWEST_DB could be read even untouched (large
    areas of one flat, clipped colour).
    """
    check_pixels(rgb, MIN_MARK_PX, "marked")
    word = code.signs(payload.to_bytes())
    best: Marked | None = None
    for change in changes(rgb, word):
        best = _marked(rgb, change, word)
        if best.score >= _AGREEMENT:
            break
    assert best is not None
    if agreement(best.rgb, word) < _BARELY:
        raise UsageError(f"this picture cannot carry a mark: even at {LOWEST_DB:g} dB it could not be read back")
    return best


def changes(rgb: Pixels, word: code.Soft) -> Iterator[Plane]:
    """What to add to the luma at its working size, weakest first: float32 (h, w) for each step of LADDER_DB."""
    luma = host.working_luma(rgb)
    picture = Host(host.coefficients_of(luma), word)
    for psnr in LADDER_DB:
        energy = 255.0**2 / 10 ** (psnr / 10) * SIDE**2
        yield synthesise(scattered(picture.change(energy)), *luma.shape)


def added(rgb: Pixels, change: Plane) -> Pixels:
    """The picture plus a change of its luma (any size, stretched over it), the same in all channels; clipped."""
    height, width = rgb.shape[:2]
    if change.shape != (height, width):
        change = np.asarray(cv2.resize(change, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    whole = np.rint(change).astype(np.int16)
    return np.asarray(cv2.add(rgb, cv2.merge([whole] * 3), dtype=cv2.CV_8U), np.uint8)


def psnr_db(one: Pixels, other: Pixels) -> float:
    """Peak signal to noise ratio in dB over all channels; 99 for equal pictures."""
    error = float(cv2.norm(one, other, cv2.NORM_L2SQR)) / one.size
    return float(10 * np.log10(255.0**2 / error)) if error > 0 else 99.0


def agreement(rgb: Pixels, word: code.Soft, known: Mask | None = None) -> float:
    """Cosine between what is received and a code word."""
    return evidence.agreement(soft(rgb, known), word)


def _marked(rgb: Pixels, change: Plane, word: code.Soft) -> Marked:
    marked = added(rgb, change)
    psnr = psnr_db(rgb, marked)
    if psnr < LOWEST_DB:
        marked = added(rgb, change * np.float32(10 ** ((psnr - LOWEST_DB - 0.1) / 20)))
        psnr = psnr_db(rgb, marked)
    return Marked(marked, psnr, min(agreement(copy, word) for copy in rehearsal.copies(marked)))


def soft(rgb: Pixels, known: Mask | None = None) -> code.Soft:
    """What is received of each code bit, the picture as it lies: float32 (CODE_BITS,). known: as in read()."""
    luma = host.working_luma(rgb)
    if known is None:
        return _soft(luma)
    small = np.asarray(cv2.resize(known.astype(np.float32), luma.shape[::-1], interpolation=cv2.INTER_AREA)) > 0.99
    return _soft(host.filled(luma, small), host.known_cells(known))


def _soft(luma: Plane, cells: Mask | None = None) -> code.Soft:
    coefficients = host.coefficients_of(luma)
    return host.heard(coefficients, host.strength(coefficients), cells)


def read(rgb: Pixels, known: Mask | None = None) -> Reading | None:
    """The payload, or None where none is read above chance (see `evidence`).

    rgb: uint8 (H, W, 3), sides of at least MIN_READ_PX; the whole picture as it was marked, at any size, in any of
    the eight orientations. A crop or a screenshot is first laid over the registered original; `known`, bool (H, W),
    then says where there is something, and only the upright orientation is tried. Raises UsageError for other shapes.
    """
    check_pixels(rgb, MIN_READ_PX, "read")
    if known is None:
        return _read_any(rgb)
    if known.shape != rgb.shape[:2] or known.dtype != np.bool_:
        raise UsageError("`known` is a bool array with the picture's height and width")
    if float(host.known_cells(known).mean()) < _KNOWN_AT_LEAST:
        return None
    found = evidence.weighed(soft(rgb, known)[None], 1)
    return found[1] if found else None


def _read_any(rgb: Pixels) -> Reading | None:
    """Upright first; the seven other orientations only when that fails. All eight count as tries."""
    luma = host.working_luma(rgb)
    found = evidence.weighed(_soft(luma)[None], ORIENTATIONS)
    if found:
        return found[1]
    turned = evidence.weighed(np.stack([_soft(lying(luma, k)) for k in range(1, ORIENTATIONS)]), ORIENTATIONS)
    return replace(turned[1], orientation=turned[0] + 1) if turned else None


def lying(plane: Plane, orientation: int) -> Plane:
    """A plane mirrored when orientation is 4 or more, then turned by orientation % 4 quarters anticlockwise."""
    flat = plane[:, ::-1] if orientation >= 4 else plane
    return np.ascontiguousarray(np.rot90(flat, orientation % 4))


def soft_lying(rgb: Pixels, orientations: Sequence[int]) -> code.Soft:
    """As soft(), for some orientations at once: float32 (orientations, CODE_BITS)."""
    luma = host.working_luma(rgb)
    return np.stack([_soft(lying(luma, orientation)) for orientation in orientations])


def check_pixels(rgb: Pixels, least: int, what: str) -> None:
    """Raises UsageError for what is no picture of at least so many pixels a side."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise UsageError("a picture is an array uint8 (height, width, 3)")
    if min(rgb.shape[:2]) < least:
        short = min(rgb.shape[:2])
        raise UsageError(f"a picture needs {least} pixels on its shorter side to be {what}; this one has {short}")
