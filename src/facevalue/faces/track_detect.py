"""Detection for moving pictures: cheap looks at the whole frame, and close looks at where a face is expected."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.faces.align import crop_square
from facevalue.faces.detect import (
    X_COLUMNS,
    Y_COLUMNS,
    Face,
    _detect_padded,
    _detect_scaled,
    _face,
    _suppress,
    detect_faces,
)

Pixels = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]

# Sides that a frame is reduced to: where every face that is followed is large, in general, and now and then.
QUICK_SIDE_PX, LOOK_SIDE_PX, CAREFUL_SIDE_PX = 320, 480, 640
CLOSE_SIDE_PX = 160
CLOSE_MARGIN = 2.0
MAX_FACES = 16
PAD_BELOW_PX = 640


def look(pixels: Pixels, side: int = LOOK_SIDE_PX) -> tuple[Face, ...]:
    """Faces in one frame, uint8 RGB (H, W, 3), largest first, found on the frame reduced to `side` pixels.

    That finds faces from about 3% of the longer side on at LOOK_SIDE_PX. With CAREFUL_SIDE_PX small frames are also
    looked at with a margin around them, as pictures are, for faces that fill them.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < 16:
        return ()
    rows = [_detect_scaled(pixels, min(1.0, side / max(height, width)))]
    if side >= CAREFUL_SIDE_PX and max(height, width) <= PAD_BELOW_PX:
        rows.append(_detect_padded(pixels))
    found = _suppress(np.concatenate(rows))
    found = found[np.argsort(-found[:, 2] * found[:, 3], kind="stable")][:MAX_FACES]
    return tuple(_face(pixels, row) for row in found)


def look_tiled(pixels: Pixels) -> tuple[Face, ...]:
    """Faces in one frame as pictures are searched, small ones too; costs about ten times a look."""
    return detect_faces(pixels, MAX_FACES)


def close_look(pixels: Pixels, box: Box) -> Face | None:
    """The face at about this box, found in an enlarged or reduced square around it; None when there is none."""
    x, y, w, h = box
    side = max(2.0, max(w, h) * CLOSE_MARGIN)
    centre = (x + w / 2, y + h / 2)
    square = crop_square(pixels, centre, side, CLOSE_SIDE_PX, cv2.BORDER_CONSTANT)
    rows = _suppress(_detect_scaled(square, 1.0))
    if not len(rows):
        return None
    scale = max(2, round(side)) / CLOSE_SIDE_PX
    rows[:, :14] *= scale
    rows[:, X_COLUMNS] += round(centre[0] - side / 2)
    rows[:, Y_COLUMNS] += round(centre[1] - side / 2)
    middles = rows[:, :2] + rows[:, 2:4] / 2
    best = int(np.argmin(np.hypot(middles[:, 0] - centre[0], middles[:, 1] - centre[1])))
    return _face(pixels, rows[best])
