"""The makers a corpus can draw on: each turns an equalised real picture into a forgery with its exact mask.

    self_blend    a face joined with a changed copy of itself         regions = ["oval", ...]
    composite     regions of another face, aligned and colour-matched  regions = ["mouth", ...]
    inpaint, splice, copymove, retouch                                what `lab.edits` draws; splice takes a donor
    redraw        the whole picture from a quarter of its samples, no network
    reconstruct   the whole picture through an autoencoder             weights = "autoencoder_nearest.pt"

What a maker returns has the size of what it was given. A maker that finds nothing to work on (no face) says so, and
the pair is left out with that reason.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.faces import detect_faces
from facevalue.lab.blend import OUTLINES, Blend, RealFace, composite, self_blend
from facevalue.lab.edits import EDITS
from facevalue.lab.forge import redraw
from facevalue.lab.zoo.members import ZOO

Pixels = npt.NDArray[np.uint8]
MIN_FACE_PX = 48


class NothingToForgeError(Exception):
    """This picture gives this maker nothing to work on; the text says why."""


@dataclass(frozen=True, slots=True)
class View:
    """A picture as the recipe crops it: uint8 (S, S, 3), and the five landmarks of its face where they are known.

    A face is looked for before the crop is shrunk; in a small crop it would no longer be found.
    """

    pixels: Pixels
    landmarks: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What a maker gets: the picture; a way to its donor; options; where relative files start."""

    view: View
    donor: Callable[[], View]
    options: Mapping[str, Any]
    base: Path


MakerFunction = Callable[[Material, np.random.Generator], Blend]


def face_of(view: View) -> RealFace:
    """The largest face. Raises NothingToForgeError when there is none of at least 48 px."""
    if view.landmarks is not None:
        return RealFace(view.pixels, view.landmarks)
    found = detect_faces(view.pixels, max_faces=1)
    if not found or found[0].size_px < MIN_FACE_PX:
        raise NothingToForgeError(f"no face of at least {MIN_FACE_PX} px")
    return RealFace(view.pixels, found[0].landmarks)


def _self_blend(material: Material, rng: np.random.Generator) -> Blend:
    return self_blend(face_of(material.view), rng, _regions(material))


def _composite(material: Material, rng: np.random.Generator) -> Blend:
    return composite(face_of(material.view), face_of(material.donor()), rng, _regions(material))


def _regions(material: Material) -> list[str] | None:
    return list(material.options["regions"]) if "regions" in material.options else None


def _edit(name: str, material: Material, rng: np.random.Generator) -> Blend:
    donor = material.donor().pixels if MAKERS[name].donor else None
    try:
        made = EDITS[name](material.view.pixels, rng, donor)
    except UsageError as error:
        raise NothingToForgeError(str(error)) from None
    return Blend(made.pixels, made.mask.astype(np.float32), made.method, dict(made.parameters))


def _redraw(material: Material, rng: np.random.Generator) -> Blend:
    return redraw(material.view.pixels, rng)


def _reconstruct(material: Material, rng: np.random.Generator) -> Blend:
    from facevalue.lab.reconstruct import reconstruct

    path = material.base / str(material.options["weights"])
    net, digest = _autoencoder(path)
    height, width = material.view.pixels.shape[:2]
    seen = reconstruct(net, material.view.pixels)
    # Sides that are no multiple of 8 lose their rest: it stays as it was.
    out = material.view.pixels.copy()
    out[: seen.shape[0], : seen.shape[1]] = seen
    mask = np.zeros((height, width), np.float32)
    mask[: seen.shape[0], : seen.shape[1]] = 1
    return Blend(out, mask, "reconstruct", {"weights": path.name, "weights_sha256": digest})


@functools.cache
def _autoencoder(path: Path) -> tuple[Any, str]:
    """A member of the zoo, as `lab zoo train` wrote it, and the sha256 of its file."""
    from facevalue.lab.zoo.train import load

    name = path.stem.removeprefix("autoencoder_")
    if name not in ZOO or not path.is_file():
        names = ", ".join(found.weights for found in ZOO.values())
        raise UsageError(f"there are no weights {path.name}; they are called one of {names}")
    return load(ZOO[name], path.parent), hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """A maker, the options it knows, those it needs, and whether it takes a donor."""

    make: MakerFunction
    options: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    donor: bool = False


MAKERS: dict[str, Known] = {
    "self_blend": Known(_self_blend, ("regions",)),
    "composite": Known(_composite, ("regions",), donor=True),
    **{name: Known(functools.partial(_edit, name), donor=name == "splice") for name in EDITS},
    "redraw": Known(_redraw),
    "reconstruct": Known(_reconstruct, ("weights",), ("weights",)),
}


def needs_donor(name: str) -> bool:
    """Whether the maker takes pixels of another identity."""
    return MAKERS[name].donor


def checked(name: str, options: Mapping[str, Any], base: Path) -> None:
    """Raises UsageError for an unknown maker, an option it does not have, or weights that are not there."""
    known = MAKERS.get(name)
    if known is None:
        raise UsageError(f"maker '{name}' is none of {', '.join(MAKERS)}")
    if unknown := sorted(set(options) - set(known.options)):
        raise UsageError(f"maker '{name}' has no option '{unknown[0]}'")
    if missing := [n for n in known.needed if n not in options]:
        raise UsageError(f"maker '{name}' needs the option '{missing[0]}'")
    regions = options.get("regions", [])
    if not isinstance(regions, list) or ("regions" in options and not regions):
        raise UsageError(f"maker '{name}': regions is a list of names")
    if bad := [r for r in regions if r not in OUTLINES]:
        raise UsageError(f"maker '{name}': region '{bad[0]}' is none of {', '.join(OUTLINES)}")
    if "weights" in known.needed:
        _autoencoder(base / str(options["weights"]))


def forge(name: str, material: Material, seed: int) -> Blend:
    """The forgery. Raises NothingToForgeError when the picture gives nothing, or the forgery changes nothing."""
    made = MAKERS[name].make(material, np.random.default_rng(seed))
    if made.pixels.shape != material.view.pixels.shape:
        raise NothingToForgeError("the maker changed the picture's size")
    if not cv2.absdiff(made.pixels, material.view.pixels).any():
        raise NothingToForgeError("the forgery is identical to the picture")
    return made
