"""A region of a picture copied to another place in it: what hides a thing, or doubles it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.lab.edits.edit import Edit, Mask, Pixels, Rng, box_around, checked_mask, checked_picture, chosen
from facevalue.lab.edits.placing import JOINS, Move, joined, laid
from facevalue.lab.edits.regions import draw_region

METHODS = JOINS
_TRIES = 40
# The copy may cover this share of what it was copied from.
_MOST_OVERLAP = 0.1


def copymove(
    pixels: Pixels, rng: Rng, mask: npt.NDArray[Any] | None = None, method: str | None = None, move: Move | None = None
) -> Edit:
    """Copy a region within the picture.

    pixels: uint8 RGB (H, W, 3). mask: what is copied, see edit.checked_mask; None draws it. method: how the copy's edge
    is joined, one of METHODS; None draws it. move: where to and how turned; None draws it: a third are shifted only.
    The edit's mask is where the copy lies, its origin where it came from. Raises UsageError for a mask that does not
    fit.
    """
    checked_picture(pixels)
    method = chosen(method, METHODS, rng)
    height, width = pixels.shape[:2]
    shape = "given"
    if mask is None:
        taken, shape = draw_region(pixels, rng, str(rng.choice(["blob", "box", "object"])))
    else:
        taken = checked_mask(mask, (height, width))
    move = move or _drawn_move(taken, rng)
    moved, region = laid(pixels, taken, move, (height, width))
    out, feather = joined(pixels, moved, region, method, rng)
    parameters = {
        "region": shape,
        "angle": round(move.angle, 2),
        "scale": round(move.scale, 4),
        "mirrored": move.mirrored,
        "to": [round(v, 1) for v in move.to],
        "feather_px": feather,
    }
    return Edit(out, region, method, parameters, taken)


def _drawn_move(taken: Mask, rng: Rng) -> Move:
    """A way of moving that keeps the copy in the picture and off its origin, as far as forty tries find one."""
    height, width = taken.shape
    rows, columns = box_around(taken)
    h, w = rows.stop - rows.start, columns.stop - columns.start
    plain = rng.random() < 1 / 3
    angle = 0.0 if plain or rng.random() < 0.3 else float(rng.uniform(-60, 60))
    scale = 1.0 if plain or rng.random() < 0.3 else float(np.exp(rng.uniform(np.log(0.6), np.log(1.5))))
    mirrored = bool(not plain and rng.random() < 0.4)
    best, least = (width / 2, height / 2), 2.0
    for _ in range(_TRIES):
        x, y = (float(rng.uniform(*sorted((r * scale / 2, s - r * scale / 2)))) for r, s in ((w, width), (h, height)))
        left, top = x - w * scale / 2, y - h * scale / 2
        across = min(left + w * scale, columns.stop) - max(left, columns.start)
        down = min(top + h * scale, rows.stop) - max(top, rows.start)
        overlap = max(0.0, across) * max(0.0, down) / (w * h)
        if overlap < least:
            best, least = (x, y), overlap
        if least <= _MOST_OVERLAP:
            break
    return Move(angle, scale, mirrored, best)


__all__ = ["METHODS", "copymove"]
