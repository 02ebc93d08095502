"""The watermark: hidden in a copy, which is then signed; an original is never marked in place.

A file that carries a mark already keeps it: its identifier may be registered, and a second mark on top of the first
would weaken both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facevalue.errors import DecodeError, UsageError
from facevalue.exhibit import Exhibit, is_clip_type
from facevalue.signing.errors import SigningError
from facevalue.signing.formats import Format
from facevalue.signing.manifest import SoftBinding

if TYPE_CHECKING:
    from facevalue.watermark import Reading

WATERMARK = "watermark"


@dataclass(frozen=True, slots=True)
class Mark:
    """path: the marked copy; None where none was made. fresh: whether the mark is new rather than found."""

    sentence: str
    path: Path | None = None
    binding: SoftBinding | None = None
    fresh: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


def mark(exhibit: Exhibit, source: Path, folder: Path, form: Format, *, synthetic: bool) -> Mark:
    """Hide a new payload in a copy of the file, in the folder; or keep the mark it has; or say why none was made.

    synthetic: "made by a model", which the payload says too.
    """
    from facevalue.marking import MARKABLE, mark_file
    from facevalue.watermark import Payload

    if exhibit.media_type in MARKABLE and (found := _carried(source)) is not None:
        return _kept(found, exhibit)
    target = folder / f"marked{form.suffixes[0]}"
    try:
        made = mark_file(source, target, Payload.random(synthetic))
    except UsageError as error:  # what cannot hold one: too small, too plain, a format that is not written here
        return Mark(f"none: {error}")
    binding = SoftBinding(made.algorithm, made.payload.to_bytes(), WATERMARK)
    details = {"distortion_db": round(made.distortion_db, 1), "notes": list(made.notes)}
    said = "; ".join((made.sentence, *made.notes))
    return Mark(said, _of_the_same_type(made.path, exhibit), binding, True, details)


def _carried(source: Path) -> Reading | None:
    """The mark that is in the file already."""
    from facevalue.marking import read_file

    try:
        return read_file(source)
    except DecodeError:  # then it cannot be marked either, and that is where it is said
        return None


def _kept(found: Reading, exhibit: Exhibit) -> Mark:
    from facevalue.watermark.reading import PICTURE_ALGORITHM, SPEECH_ALGORITHM

    sound = is_clip_type(exhibit.media_type) and exhibit.media_type.startswith("audio/")
    name = SPEECH_ALGORITHM if sound else PICTURE_ALGORITHM
    binding = SoftBinding(name, found.payload.to_bytes(), WATERMARK)
    return Mark(f"the file carries {found.payload} already, which is kept", None, binding)


def _of_the_same_type(path: Path, exhibit: Exhibit) -> Path:
    """The copy, if it is what the original was. Raises SigningError."""
    with path.open("rb") as stream:
        found = Exhibit.open(stream).media_type
    if found != exhibit.media_type:
        raise SigningError(f"the marked copy became {found} instead of {exhibit.media_type}: sign with --no-watermark")
    return path
