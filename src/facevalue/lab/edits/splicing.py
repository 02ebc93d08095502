"""Something of one picture laid into another, with colours to match and a compression history of its own."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.lab.edits.edit import Edit, Mask, Pixels, Plane, Rng, box_around, checked_mask, checked_picture, chosen
from facevalue.lab.edits.placing import JOINS, Move, joined, laid
from facevalue.lab.edits.regions import draw_region

METHODS = JOINS
_SUBSAMPLING = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


def splice(
    pixels: Pixels,
    donor: Pixels,
    rng: Rng,
    mask: npt.NDArray[Any] | None = None,
    method: str | None = None,
    move: Move | None = None,
) -> Edit:
    """Lay a region of the donor into the picture.

    pixels, donor: uint8 RGB of any two sizes. mask: what is taken, of the donor's size; None draws it: what GrabCut
    finds standing out, or a smooth blob. method: how it is joined, one of METHODS; None draws it. move: where to; None
    draws it. The target keeps its own compression history; the donor's is another: it goes through JPEG of a quality,
    subsampling and grid of its own first, three times out of four. Colours are matched to the place (Reinhard et al.
    2001) by a drawn amount, unless the gradients do it. Raises UsageError for a mask that does not fit.
    """
    checked_picture(pixels)
    checked_picture(donor)
    method = chosen(method, METHODS, rng)
    shape = "given"
    if mask is None:
        taken, shape = draw_region(donor, rng, "object" if rng.random() < 0.75 else "blob")
    else:
        taken = checked_mask(mask, (donor.shape[0], donor.shape[1]))
    donor, history = _history(donor, rng)
    move = move or _drawn_move(taken, (pixels.shape[0], pixels.shape[1]), rng)
    moved, region = laid(donor, taken, move, (pixels.shape[0], pixels.shape[1]))
    matched = 0.0 if method == "poisson" else float(rng.choice([0.0, rng.uniform(0.2, 1.0)], p=[0.3, 0.7]))
    out, feather = joined(pixels, _coloured(moved, pixels, region, matched), region, method, rng)
    parameters = {
        "region": shape,
        "donor_jpeg": history,
        "colour_match": round(matched, 3),
        "angle": round(move.angle, 2),
        "scale": round(move.scale, 4),
        "mirrored": move.mirrored,
        "to": [round(v, 1) for v in move.to],
        "feather_px": feather,
    }
    return Edit(out, region, method, parameters)


def _history(donor: Pixels, rng: Rng) -> tuple[Pixels, dict[str, Any] | None]:
    """The donor after a JPEG of its own, with the grid shifted, or as it is."""
    if rng.random() < 0.25:
        return donor, None
    quality, chroma = int(rng.integers(45, 97)), int(rng.integers(2))
    dy, dx = (int(v) for v in rng.integers(0, 8, 2))
    framed = cv2.copyMakeBorder(donor, dy, 0, dx, 0, cv2.BORDER_REPLICATE)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, int(_SUBSAMPLING[chroma])]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(framed[..., ::-1]), options)
    back = cv2.imdecode(data, cv2.IMREAD_COLOR)[dy:, dx:, ::-1]
    record = {"quality": quality, "subsampling": ("4:2:0", "4:4:4")[chroma], "grid": [dx, dy]}
    return np.ascontiguousarray(back, np.uint8), record


def _drawn_move(taken: Mask, shape: tuple[int, int], rng: Rng) -> Move:
    """A size that lets the region cover 1 to 15% of the target, and a place where it fits."""
    rows, columns = box_around(taken)
    h, w = rows.stop - rows.start, columns.stop - columns.start
    share = float(np.exp(rng.uniform(np.log(0.01), np.log(0.15))))
    scale = float(np.sqrt(share * shape[0] * shape[1] / max(1, int(taken.sum()))))
    # Never so enlarged that it shows, nor larger than the target.
    scale = min(scale, 1.6, 0.95 * shape[0] / h, 0.95 * shape[1] / w)
    if abs(scale - 1) < 0.08:
        scale = 1.0
    plain = rng.random() < 0.25
    angle = 0.0 if plain or rng.random() < 0.4 else float(rng.normal(0, 8))
    x, y = (float(rng.uniform(*sorted((r * scale / 2, s - r * scale / 2)))) for r, s in ((w, shape[1]), (h, shape[0])))
    return Move(angle, scale, bool(not plain and rng.random() < 0.5), (x, y))


def _coloured(moved: Pixels, target: Pixels, region: Mask, amount: float) -> Plane | Pixels:
    """The region's colours drawn towards those of the place: mean and spread in Lab, by that amount, 0..1."""
    if amount <= 0:
        return moved
    reach = max(5, int(np.sqrt(region.sum()) / 3) | 1)
    near = np.asarray(cv2.dilate(region.astype(np.uint8), np.ones((reach, reach), np.uint8)), np.bool_)
    own, wanted = (_lab(x) for x in (moved, target))
    (mean, spread), (goal, goal_spread) = ((x.mean(axis=0), x.std(axis=0)) for x in (own[region], wanted[near]))
    gain = np.clip(goal_spread / np.maximum(spread, 1.0), 0.6, 1.6)
    matched = (own - mean) * (1 + amount * (gain - 1)) + mean + amount * (goal - mean)
    back = cv2.cvtColor(np.asarray(matched, np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(back * 255, 0, 255), np.float32)


def _lab(pixels: Pixels) -> Plane:
    """Lab with L in 0..100, float32 (H, W, 3)."""
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


__all__ = ["METHODS", "splice"]
