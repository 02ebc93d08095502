"""A sheet of some pairs (real, forged, mask) for people to look at: a loose picture, and so labelled."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.lab.corpus import shards
from facevalue.lab.labels import COMPOSITE_TYPE, Made, write_picture

SHEET = "preview.jpg"
GAP = 4


def write(folder: Path, pairs: int, seed: int) -> Path:
    """Write preview.jpg: a row for each of the first pairs; the forged side is labelled with the whole sheet."""
    rows = [_strip(real, fake) for real, fake in islice(_pairs(folder), pairs)]
    sheet = np.concatenate(rows)[: -GAP or None]
    made = Made("facevalue lab: corpus preview", COMPOSITE_TYPE, (), {"pairs": len(rows)}, seed)
    write_picture(np.ascontiguousarray(sheet), folder / SHEET, made)
    return folder / SHEET


def _pairs(folder: Path) -> Any:
    for name in sorted(shards.about(folder)["shards"]):
        found = shards.rows(folder / shards.FOLDER / name)
        yield from zip(found[::2], found[1::2], strict=True)


def _strip(real: dict[str, Any], fake: dict[str, Any]) -> npt.NDArray[np.uint8]:
    left, right = shards.sample(real), shards.sample(fake)
    mask = np.repeat(np.round(right.mask * 255).astype(np.uint8)[..., None], 3, axis=2)
    side = left.pixels.shape[0]
    gap = np.full((side, GAP, 3), 255, np.uint8)
    strip = np.concatenate([left.pixels, gap, right.pixels, gap, mask], axis=1)
    return np.concatenate([strip, np.full((GAP, strip.shape[1], 3), 255, np.uint8)])
