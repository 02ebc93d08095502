"""Whose voice may be used: the target's signed consent record, or the licence of the data set the recordings are from.

There is no voice embedding here. A record binds by the sha256 of the person's own reference recordings, which it lists:
consent to use these recordings, not to anything that sounds alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facevalue.consent import ConsentError, read_licence, read_record, read_revocations
from facevalue.consent.licence import SCHEMA as LICENCE_SCHEMA
from facevalue.exhibit import Exhibit

PURPOSE = "voice"


@dataclass(frozen=True, slots=True)
class Permission:
    """By what a use was admitted. kind: "consent" or "licence". who: person or data set. sha256: of the file."""

    kind: str
    who: str
    sha256: str

    def to_dict(self) -> dict[str, str]:
        """JSON-ready, for the label."""
        return {"kind": self.kind, "who": self.who, "sha256": self.sha256}


def admitted(
    record: Path, recordings: Sequence[Path], revocations: Path | None = None, key: bytes | None = None
) -> Permission:
    """Check that a record or a licence manifest allows the use of all of these recordings of the target's voice.

    revocations: a list signed by the person. key: the public key that the person is known to have, raw. Raises
    ConsentError, with the reason, UnreadableError for a recording.
    """
    if not recordings:
        raise ConsentError("there are no recordings whose use could be allowed")
    digests = [Exhibit.open(path).sha256 for path in recordings]
    if _schema(record) == LICENCE_SCHEMA:
        licence = read_licence(record)
        for digest in digests:
            licence.admit(PURPOSE, digest)
        return Permission("licence", licence.data_set, _sha256(record))
    found = read_record(record)
    revoked = read_revocations(revocations, found) if revocations is not None else frozenset()
    found.admit(PURPOSE, key=key, revoked=revoked)
    for path, digest in zip(recordings, digests, strict=True):
        if digest not in found.recordings_sha256:
            raise ConsentError(f"{path.name} is not among the recordings that the consent of {found.subject} lists")
    return Permission("consent", found.subject, _sha256(record))


def _schema(path: Path) -> str:
    """What kind of file it says it is; the reader of that kind then judges it."""
    try:
        value = json.loads(path.read_bytes()[: 64 << 20])
        return str(value.get("schema", "")) if isinstance(value, dict) else ""
    except (OSError, ValueError, RecursionError):
        return ""


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
