"""Edits of pictures with exact masks: arrays in, arrays and mask out, nothing written to disk.

    made = inpaint(pixels, mask, np.random.default_rng(7))
    made.pixels, made.mask            # outside the mask, pixels is the source byte for byte

EDITS draws everything by seed: `EDITS["splice"](pixels, rng, donor)`. The same pixels, donor and generator state give
the same bytes. What can not be edited (no face to retouch, no donor) raises UsageError. For files, labelled, see
edits.run.
"""

from __future__ import annotations

from collections.abc import Callable

from facevalue.errors import UsageError
from facevalue.lab.edits import copymoving, inpainting, retouching, splicing
from facevalue.lab.edits.copymoving import copymove
from facevalue.lab.edits.edit import Edit, Mask, Pixels, Rng
from facevalue.lab.edits.inpainting import inpaint
from facevalue.lab.edits.retouching import retouch
from facevalue.lab.edits.splicing import splice


def _inpaint(pixels: Pixels, rng: Rng, donor: Pixels | None = None) -> Edit:
    return inpaint(pixels, None, rng, None)


def _splice(pixels: Pixels, rng: Rng, donor: Pixels | None = None) -> Edit:
    if donor is None:
        raise UsageError("a splice needs a donor: a second picture")
    return splice(pixels, donor, rng)


def _copymove(pixels: Pixels, rng: Rng, donor: Pixels | None = None) -> Edit:
    return copymove(pixels, rng)


def _retouch(pixels: Pixels, rng: Rng, donor: Pixels | None = None) -> Edit:
    return retouch(pixels, rng)


# Each with everything drawn: (pixels, rng, donor) -> Edit. donor: pixels of another picture; only splice looks at it.
EDITS: dict[str, Callable[[Pixels, Rng, Pixels | None], Edit]] = {
    "inpaint": _inpaint,
    "splice": _splice,
    "copymove": _copymove,
    "retouch": _retouch,
}
METHODS: dict[str, tuple[str, ...]] = {
    "inpaint": inpainting.METHODS,
    "splice": splicing.METHODS,
    "copymove": copymoving.METHODS,
    "retouch": retouching.METHODS,
}

__all__ = ["EDITS", "METHODS", "Edit", "Mask", "Pixels", "Rng", "copymove", "inpaint", "retouch", "splice"]
