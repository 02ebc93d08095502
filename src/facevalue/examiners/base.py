"""What every examiner shares: what it is given, what it must offer, how it is found, and its card.

An examiner is a folder: code, `card.toml`, weights (ONNX), `calibration.json`, `tests/`. It is announced as an
entry point in the group `facevalue.examiners`, whose object is a factory without arguments; a third party's
package does the same, and no file of this package changes.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from facevalue.errors import DecodeError
from facevalue.exhibit import Exhibit
from facevalue.faces import Face
from facevalue.finding import Finding, Question, Status
from facevalue.footage import Footage
from facevalue.media import Picture, PictureQuality

ENTRY_POINT_GROUP = "facevalue.examiners"
# What an exhibit can be. "video": moving pictures, animated pictures among them; with or without sound.
IMAGE, VIDEO, AUDIO = "image", "video", "audio"
EVERY_KIND = frozenset({IMAGE, VIDEO, AUDIO})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subject:
    """What an examiner is given: the exhibit, its decoded picture, facts read from its bytes, and its faces.

    picture is None when nothing decoded; examiners that read pixels are then not asked. faces is None when no face
    detector could run. On copies that are re-encoded for the stability check, exhibit
    and facts are still those of the original.

    For a clip or a sound, footage is set, and picture, quality and faces are None.
    """

    exhibit: Exhibit
    picture: Picture | None
    facts: Mapping[str, Any]
    quality: PictureQuality | None
    faces: tuple[Face, ...] | None
    footage: Footage | None = None

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """The upright sRGB picture, uint8 (H, W, 3). Raises DecodeError when nothing decoded."""
        if self.picture is None:
            raise DecodeError("the picture did not decode")
        return self.picture.pixels


@runtime_checkable
class Examiner(Protocol):
    """One method that answers one question. It knows no other examiner and keeps no state between exhibits.

    An examiner may have an attribute kinds, a frozenset of "image", "video" and "audio": the exhibits it is asked
    about. Without it that is {"image"}; for the others it is given `Subject.footage`.
    """

    @property
    def name(self) -> str:
        """One word, the folder's and the entry point's name."""
        ...

    @property
    def question(self) -> Question:
        """The one question it answers."""
        ...

    @property
    def reads_pixels(self) -> bool:
        """Whether its answer rests on pixels and so is checked on re-encoded copies."""
        ...

    def examine(self, subject: Subject) -> Finding:
        """Look, and say what was found; a reason for not looking is a finding too (`inapplicable`)."""
        ...

    def weights(self) -> Mapping[str, str]:
        """sha256 (hex) by file name of everything its answer depends on."""
        ...

    @property
    def folder(self) -> Path:
        """Where card.toml lies."""
        ...


def kinds_of(examiner: Examiner) -> frozenset[str]:
    """The kinds of exhibit that an examiner is asked about."""
    kinds = getattr(examiner, "kinds", None)
    return frozenset({IMAGE}) if kinds is None else frozenset(kinds)


def load_examiners() -> list[Examiner]:
    """Every installed examiner, by name. One that cannot be loaded is an examiner whose findings say so."""
    found = [_load(point) for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name)]
    return sorted(found, key=lambda e: e.name)


def _load(point: Any) -> Examiner:
    try:
        examiner: Examiner = point.load()()
        return examiner
    except Exception as error:  # a third party's examiner must not end the run
        _log.debug("%s could not be loaded", point.name, exc_info=True)
        return _Unloadable(point.name, type(error).__name__)


@dataclass(frozen=True)
class _Unloadable:
    name: str
    reason: str
    question: Question = Question.EDITED
    reads_pixels: bool = False
    kinds: frozenset[str] = EVERY_KIND
    folder: Path = field(default_factory=Path)

    def examine(self, subject: Subject) -> Finding:
        return Finding(self.name, self.question, Status.FAILED, f"the examiner could not be loaded ({self.reason})")

    def weights(self) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True, slots=True)
class Card:
    """An examiner's measured operating record. Hand-written part: card.toml; figures: measured.json, by `bench run`.

    measured is a list of rows: {"set", "regime", "n_real", "n_fake", figure: [value, low, high], ...}.
    """

    name: str
    version: str
    question: str
    summary: str
    method: str
    trained_on: Sequence[str]
    made_by: str
    limits: Sequence[str]
    measured: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def load(cls, folder: Path) -> Card:
        """Read card.toml and, when it is there, measured.json from an examiner's folder."""
        import json

        raw = tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
        figures = folder / "measured.json"
        rows = json.loads(figures.read_text(encoding="utf-8"))["rows"] if figures.is_file() else []
        keys = ("name", "version", "question", "summary", "method", "trained_on", "made_by", "limits")
        return cls(**{key: raw[key] for key in keys}, measured=rows)


@functools.cache
def sha256_file(path: Path) -> str:
    """sha256 (hex) of a weights file; cached, since weights do not change while the process lives."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
