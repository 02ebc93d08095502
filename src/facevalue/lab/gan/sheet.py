"""Pictures beside each other on one sheet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def grid(pictures: Pixels, columns: int = 0, gap: int = 2) -> Pixels:
    """Pictures uint8 (N, S, S, 3) in rows on white, as square as they go: one uint8 picture."""
    count, side = pictures.shape[:2]
    columns = columns or max(1, round(count**0.5))
    rows = -(-count // columns)
    sheet = np.full((rows * (side + gap) + gap, columns * (side + gap) + gap, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (gap + (side + gap) * at for at in divmod(i, columns))
        sheet[top : top + side, left : left + side] = picture
    return sheet
