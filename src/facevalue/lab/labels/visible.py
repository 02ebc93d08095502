"""The visible mark: "AI / FORGED" on a black plate in the lower right corner; "AI" where a picture is small."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
MARK = "AI / FORGED"
# Below this side the words can no longer be read.
WORDS_FROM_PX = 160
_LETTERS = ("0100111", "1010010", "1110010", "1010010", "1010111")


def marked(pixels: Pixels) -> Pixels:
    """A copy with its visible mark; uint8 RGB (H, W, 3), at least 16 px a side."""
    return _with(pixels, plate(*pixels.shape[:2]))


def visible_mark(pixels: Pixels) -> Pixels:
    """A copy with the words on it, whatever its size; uint8 RGB (H, W, 3)."""
    return _with(pixels, _words(*pixels.shape[:2]))


def plate(height: int, width: int) -> Pixels:
    """The mark that suits a picture of this size: grey uint8 (h, w), white letters on black, no larger than it."""
    side = min(height, width)
    return _words(height, width) if side >= WORDS_FROM_PX else _letters(max(1, side // 32))


def _with(pixels: Pixels, mark: Pixels) -> Pixels:
    out = pixels.copy()
    out[out.shape[0] - mark.shape[0] :, out.shape[1] - mark.shape[1] :] = mark[..., None]
    return out


@functools.lru_cache(maxsize=64)
def _words(height: int, width: int) -> Pixels:
    scale = max(0.3, min(height, width) / 640)
    thick = max(1, round(scale * 1.5))
    (w, h), base = cv2.getTextSize(MARK, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    margin = max(3, round(4 * scale))
    out = np.zeros((h + base + 2 * margin, w + 2 * margin), np.uint8)
    cv2.putText(out, MARK, (margin, margin + h), cv2.FONT_HERSHEY_SIMPLEX, scale, (255,), thick, cv2.LINE_AA)
    fit = min(1.0, width / out.shape[1], height / out.shape[0])
    if fit < 1.0:
        size = (max(1, int(out.shape[1] * fit)), max(1, int(out.shape[0] * fit)))
        out = np.asarray(cv2.resize(out, size, interpolation=cv2.INTER_AREA), np.uint8)
    return out


def _letters(scale: int) -> Pixels:
    """The letters AI in white, 5 x scale pixels high, on black."""
    letters = np.array([[int(dot) for dot in row] for row in _LETTERS], np.uint8)
    return np.asarray(np.pad(np.kron(letters, np.ones((scale, scale), np.uint8)), scale) * np.uint8(255), np.uint8)
