"""dHash: the signs of horizontal and vertical differences of a 17 x 17 thumbnail, 512 bits (after Krawetz 2013)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

SIDE = 16
BITS = 2 * SIDE * SIDE
# Two files of one picture (re-encoded, resized) lie below this, two pictures of faces above: measured in the docs.
NEAR_BITS = 40


def dhash(pixels: npt.NDArray[np.uint8]) -> str:
    """The hash of a picture, uint8 (H, W, 3), as 128 hexadecimal digits."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE + 1, SIDE + 1), interpolation=cv2.INTER_AREA).astype(np.int16)
    across, down = small[:SIDE, 1:] > small[:SIDE, :SIDE], small[1:, :SIDE] > small[:SIDE, :SIDE]
    return np.packbits(np.concatenate([across.ravel(), down.ravel()])).tobytes().hex()


def near(hashes: list[str], most_bits: int = NEAR_BITS) -> list[tuple[int, int, int]]:
    """(i, j, bits) of all i < j at most most_bits apart, by blocks of 256 rows."""
    words = np.array([np.frombuffer(bytes.fromhex(h), np.uint64) for h in hashes]).reshape(len(hashes), BITS // 64)
    out = []
    for start in range(0, len(words), 256):
        apart = np.zeros((len(words[start : start + 256]), len(words)), np.uint16)
        for w in range(words.shape[1]):
            apart += np.bitwise_count(words[start : start + 256, w, None] ^ words[None, :, w])
        for i, j in np.argwhere(apart <= most_bits).tolist():
            if start + i < j:
                out.append((start + i, j, int(apart[i, j])))
    return out
