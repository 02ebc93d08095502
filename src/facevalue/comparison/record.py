"""The result of a comparison: how the suspect lies on the original, what was done to all of it, and what to parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue._version import __version__
from facevalue.exhibit import Exhibit

SCHEMA = "facevalue.comparison/1"
NOTHING_COMMON = "no common content was found"

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was changed, apart from re-encoding.

    kind: "replaced", "covered", "copied" for regions of pictures; "removed", "inserted", "replaced" for spans of time;
    "region" for a changed region at one moment of a clip. what: a plain sentence. box: (x, y, width, height) in pixels
    of the original. span: seconds, in the original for what was removed, in the suspect for what was inserted; where
    both exist, span is the original's and suspect_span the suspect's. share: of what both have, 0..1.
    """

    kind: str
    what: str
    box: Box | None = None
    span: Span | None = None
    suspect_span: Span | None = None
    share: float | None = None
    strength: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what does not apply is left out."""
        fields = {
            "kind": self.kind,
            "what": self.what,
            "box": list(self.box) if self.box else None,
            "span_s": _span(self.span),
            "suspect_span_s": _span(self.suspect_span),
            "share": None if self.share is None else round(self.share, 6),
            "strength": None if self.strength is None else round(self.strength, 2),
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class View:
    """Pictures for a report, in one frame: the original, the suspect laid over it, what is known, what was changed.

    scale: of the frame against the original, across and down; changes have their boxes in pixels of the original.
    moment: seconds in the original and in the suspect, for a frame of a clip.
    """

    original: Pixels
    suspect: Pixels
    known: Mask
    mask: Mask
    scale: tuple[float, float] = (1.0, 1.0)
    moment: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a suspect has of an original, and what was changed in it.

    kind: "image", "video" or "audio". common: whether the two belong together. identical: whether all content is the
    same, sample by sample. changed_share: of what both have, 0..1. whole: sentences on what was done to all of it, such
    as cropping, turning, colour, re-encoding. alignment: JSON-ready figures of how the one lies on the other.
    view: of pictures, the frame that was compared; moments: of clips. mask: bool (h, w) in pixels of the original.
    """

    original: Exhibit
    suspect: Exhibit
    kind: str
    common: bool
    identical: bool = False
    changed_share: float = 0.0
    whole: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    alignment: Mapping[str, Any] = field(default_factory=dict)
    duration_s: tuple[float, float] | None = None
    view: View | None = field(default=None, repr=False, compare=False)
    moments: tuple[View, ...] = field(default=(), repr=False, compare=False)
    mask: Mask | None = field(default=None, repr=False, compare=False)

    @property
    def summary(self) -> str:
        """The outcome in one sentence."""
        if not self.common:
            return f"{NOTHING_COMMON[0].upper()}{NOTHING_COMMON[1:]}."
        if self.identical:
            return "The content is the same, down to the last bit of what is decoded."
        if not self.changes:
            return "Nothing was changed apart from what re-encoding explains."
        share = f"{100 * self.changed_share:.1f}%" if self.changed_share >= 0.0005 else "less than 0.1%"
        number = "1 place" if len(self.changes) == 1 else f"{len(self.changes)} places"
        return f"{share} of what both have was changed, in {number}."

    def to_dict(self) -> dict[str, Any]:
        """In schema facevalue.comparison/1, JSON-ready."""
        return {
            "schema": SCHEMA,
            "tool": {"name": "facevalue", "version": __version__},
            "original": _exhibit(self.original),
            "suspect": _exhibit(self.suspect),
            "kind": self.kind,
            "common": self.common,
            "identical": self.identical,
            "summary": self.summary,
            "changed_share": round(self.changed_share, 6),
            "whole": list(self.whole),
            "changes": [change.to_dict() for change in self.changes],
            "alignment": dict(self.alignment),
            "duration_s": None if self.duration_s is None else [round(s, 3) for s in self.duration_s],
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """As JSON text; equal files and versions give equal text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def save(self, path: str | Path) -> Path:
        """Write a report; the suffix chooses the writer (.json, .html). Raises UsageError for another suffix."""
        from facevalue.reports.comparison import write_comparison

        return write_comparison(self, Path(path))


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    return {
        "name": exhibit.name,
        "sha256": exhibit.sha256,
        "bytes": exhibit.size,
        "media_type": exhibit.media_type,
    }


def _span(span: Span | None) -> list[float] | None:
    return None if span is None else [round(span[0], 3), round(span[1], 3)]
