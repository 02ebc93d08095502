"""Edits of files: each picture edited once, written with its labels, its mask beside it, and a line in manifest.jsonl.

What a picture becomes depends on its bytes, the options and the seed, not on its name or on the pictures beside it. A
command that is run again goes on with what is not there yet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facevalue.errors import DecodeError, UnreadableError, UsageError
from facevalue.exhibit import Exhibit
from facevalue.lab.edits import METHODS, Edit, Pixels, Rng, copymove, inpaint, retouch, splice
from facevalue.lab.edits.edit import checked_mask
from facevalue.lab.edits.regions import Box, box_mask
from facevalue.lab.labels import COMPOSITE_TYPE, MANIFEST, Made, note, write_mask, write_picture
from facevalue.media import decode
from facevalue.signing.identity import Identity

FORMATS = ("png", "jpg")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. tool: of METHODS. method: None draws it per picture. mask: a picture in which white marks the
    place, or a folder of them by the pictures' names. box: x, y, width, height instead of a mask. donors: for splices,
    and then mask and box speak of the donor. format: of FORMATS. Raises UsageError for what does not go together."""

    tool: str
    method: str | None = None
    seed: int = 0
    mask: Path | None = None
    box: Box | None = None
    donors: tuple[Path, ...] = ()
    format: str = "png"
    who: Identity | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        known = METHODS[self.tool]
        asked = (self.method or "").split("+") if self.tool == "retouch" else [self.method or ""]
        if self.method is not None and (unknown := [name for name in asked if name not in known]):
            raise UsageError(f"unknown method '{unknown[0]}'; one of: {', '.join(known)}")
        if self.format not in FORMATS:
            raise UsageError(f"unknown format '{self.format}'; one of: {', '.join(FORMATS)}")
        if self.mask is not None and self.box is not None:
            raise UsageError("give a mask or a box, not both")
        if self.mask is not None and not self.mask.exists():
            raise UsageError(f"{self.mask.name} is not there")


@dataclass(frozen=True, slots=True)
class _Read:
    """A picture that was read: its path, pixels and sha256."""

    path: Path
    pixels: Pixels
    sha256: str

    @classmethod
    def of(cls, path: Path) -> _Read:
        exhibit = Exhibit.open(path)
        return cls(path, decode(exhibit).picture.pixels, exhibit.sha256)


def edit_files(
    pictures: Sequence[Path], out: Path, request: Request, report: Callable[[str], None] = lambda line: None
) -> Iterator[dict[str, Any]]:
    """Edit each picture into out/, yielding the manifest's lines as they are written, or as they stand there already.

    Pictures that cannot be read or edited are reported with a sentence and skipped. Raises UsageError when nothing can
    be written, or for splices without a donor.
    """
    givers = list(request.donors) or list(pictures)
    if request.tool == "splice" and len({p.resolve() for p in (*givers, *pictures)}) < 2:
        raise UsageError("a splice needs a donor: give a second picture or --donor")
    known = _lines(out)
    for path in pictures:
        try:
            source = _Read.of(path)
            line = _edited(source, givers, out, request, known)
        except (DecodeError, UnreadableError, _Skip) as error:
            report(f"{path.name}: {error}, nothing was made of it")
            continue
        yield line


class _Skip(Exception):
    """One picture cannot be edited; the others can."""


def _edited(
    source: _Read, givers: list[Path], out: Path, request: Request, known: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    rng = np.random.default_rng((request.seed, int(source.sha256[:16], 16)))
    donor = _donor(source, givers, rng) if request.tool == "splice" else None
    area, area_digest = _area(request, source, donor)
    asked = _digest(
        [request.tool, request.method, request.seed, request.format, request.box, area_digest, source.sha256]
    )
    if donor is not None:
        asked = _digest([asked, donor.sha256])
    name = f"{source.path.stem[:80]}-{request.tool}-{asked[:10]}.{request.format}"
    if (line := known.get(name)) is not None and _stands(out, line):
        return line
    try:
        made = _make(request, source.pixels, donor, area, rng)
    except UsageError as error:
        raise _Skip(str(error)) from None
    return _write(made, out / name, request, source, donor)


def _donor(source: _Read, givers: list[Path], rng: Rng) -> _Read:
    others = [p for p in givers if p.resolve() != source.path.resolve()]
    for i in rng.permutation(len(others)).tolist():
        try:
            found = _Read.of(others[i])
        except (DecodeError, UnreadableError):
            continue
        if found.sha256 != source.sha256:
            return found
    raise _Skip("no other picture serves as a donor")


def _area(request: Request, source: _Read, donor: _Read | None) -> tuple[Any, str]:
    """What the user marked, of the picture or of the donor, and a digest of it."""
    over = donor or source
    shape = (over.pixels.shape[0], over.pixels.shape[1])
    try:
        if request.box is not None:
            return box_mask(shape, request.box), ""
        if request.mask is None:
            return None, ""
        path = request.mask if request.mask.is_file() else _mask_of(request.mask, over.path)
        read = _Read.of(path)
        return checked_mask(read.pixels, shape), read.sha256
    except UsageError as error:
        raise _Skip(str(error)) from None


def _mask_of(folder: Path, picture: Path) -> Path:
    found = sorted(p for p in folder.iterdir() if p.stem == picture.stem)
    if not found:
        raise _Skip(f"{folder.name} holds no mask named {picture.stem}")
    return found[0]


def _make(request: Request, pixels: Pixels, donor: _Read | None, area: Any, rng: Rng) -> Edit:
    if request.tool == "inpaint":
        return inpaint(pixels, area, rng, request.method or "patches")
    if request.tool == "copymove":
        return copymove(pixels, rng, area, request.method)
    if request.tool == "retouch":
        return retouch(pixels, rng, request.method)
    assert donor is not None
    return splice(pixels, donor.pixels, rng, area, request.method)


def _write(made: Edit, path: Path, request: Request, source: _Read, donor: _Read | None) -> dict[str, Any]:
    """The masks first: where the picture stands, they stand."""
    mask = path.with_name(f"{path.stem}.mask.png")
    write_mask(made.mask, mask)
    origin = path.with_name(f"{path.stem}.origin.png") if made.origin is not None else None
    if origin is not None and made.origin is not None:
        write_mask(made.origin, origin)
    parameters = {"method": made.method, **made.parameters}
    ingredients = (source.path, *((donor.path,) if donor else ()))
    written = write_picture(
        made.pixels,
        path,
        Made(f"facevalue lab: {request.tool}", COMPOSITE_TYPE, ingredients, parameters, request.seed),
        who=request.who,
    )
    line = {
        "file": path.name,
        "mask": mask.name,
        "origin": origin.name if origin else None,
        "tool": request.tool,
        "method": made.method,
        "source": source.path.name,
        "source_sha256": source.sha256,
        "donor": donor.path.name if donor else None,
        "donor_sha256": donor.sha256 if donor else None,
        "parameters": dict(made.parameters),
        "seed": request.seed,
        "share_changed": round(made.share, 6),
        "sha256": written.sha256,
        "content_sha256": written.content_sha256,
        "labels": list(written.labels),
        "notes": list(written.notes),
    }
    note(path.parent, line)
    return line


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _lines(out: Path) -> dict[str, dict[str, Any]]:
    """The manifest's lines by file; what is no line of one is passed over."""
    path, found = out / MANIFEST, {}
    if path.is_file():
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
                found[str(line["file"])] = line
            except (ValueError, KeyError, TypeError):
                continue
    return found


def _stands(out: Path, line: dict[str, Any]) -> bool:
    """Whether what the line speaks of is there, as it was written."""
    names = [line.get(key) for key in ("file", "mask", "origin")]
    if any(name is not None and not (out / str(name)).is_file() for name in names):
        return False
    return hashlib.sha256((out / str(line["file"])).read_bytes()).hexdigest() == line.get("sha256")


__all__ = ["FORMATS", "Request", "edit_files"]
