"""A data set's licence for likenesses: which files, by sha256, may be used for what. Schema facevalue.licence/1.

It is a statement by whoever puts the data set to use, not signed: the data set's own licence is what counts, and the
manifest names it, so that every output can name it too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facevalue.consent import form
from facevalue.consent.errors import ConsentError
from facevalue.consent.record import PURPOSES

SCHEMA = "facevalue.licence/1"
MAX_BYTES = 64 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHAT = "the licence manifest"


@dataclass(frozen=True)
class Licence:
    """data_set, licence: their names. purposes: of PURPOSES. files: sha256 of each file that it covers."""

    data_set: str
    licence: str
    purposes: tuple[str, ...]
    files: frozenset[str]

    def admit(self, purpose: str, sha256: str) -> None:
        """Check that the licence covers this use of this file. Raises ConsentError."""
        if purpose not in self.purposes:
            raise ConsentError(f"the licence of {self.data_set} ({self.licence}) does not cover '{purpose}'")
        if sha256 not in self.files:
            raise ConsentError(f"the source is not a file of {self.data_set} that the licence manifest lists")


def read_licence(path: Path) -> Licence:
    """A licence manifest from a file. Raises ConsentError, with the reason."""
    return licence_of(form.read_json(path, MAX_BYTES, _WHAT))


def licence_of(value: Any) -> Licence:
    """A licence manifest from parsed JSON. Raises ConsentError."""
    if isinstance(value, dict) and value.get("schema") != SCHEMA:
        raise ConsentError(f"this is no licence manifest: its schema is not {SCHEMA}")
    found = form.exactly(value, {"schema", "data_set", "licence", "purposes", "files"}, _WHAT)
    files, purposes = found["files"], found["purposes"]
    if not isinstance(purposes, list) or not purposes or any(p not in PURPOSES for p in purposes):
        raise ConsentError(f"the purposes of a licence manifest are a list of: {', '.join(PURPOSES)}")
    if not isinstance(files, list) or not all(isinstance(f, str) and _SHA256.fullmatch(f) for f in files):
        raise ConsentError("the files of a licence manifest are a list of sha256 digests, 64 hexadecimal digits each")
    name, licence = form.text(found["data_set"], "the data set's name"), form.text(found["licence"], "the licence")
    return Licence(name, licence, tuple(purposes), frozenset(files))
