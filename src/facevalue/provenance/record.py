"""What is said about a file's provenance: one state, axes that are judged apart from each other, and the history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from facevalue._version import __version__
from facevalue.exhibit import Exhibit

SCHEMA = "facevalue.provenance/1"


class State(StrEnum):
    """The one-word summary. `untrusted_signer` also covers expired and revoked signers."""

    VERIFIED = "verified"
    VERIFIED_WITH_WARNINGS = "verified_with_warnings"
    UNTRUSTED_SIGNER = "untrusted_signer"
    ALTERED = "altered"
    RECOVERED_MATCH = "recovered_match"
    NO_CREDENTIALS = "no_credentials"
    ERROR = "error"


class AxisStatus(StrEnum):
    """How one axis came out.

    passed, warning, failed: it was judged. stated: something is claimed, and nothing here can judge it. absent: there
    is nothing of the kind. unknown: there is something that could not be judged. not_asked, not_available: nobody
    looked.
    """

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    STATED = "stated"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"
    NOT_AVAILABLE = "not_available"


AXES = (
    "binding",
    "claim_signature",
    "signer_trust",
    "time",
    "revocation",
    "history",
    "declared_origin",
    "second_opinion",
    "recovered",
    "registry",
    "log",
)


@dataclass(frozen=True, slots=True)
class Axis:
    """One question of provenance and its answer.

    summary: one plain sentence. evidence: what it rests on, one sentence each. does_not_prove: what a reader must not
    take from it. details: JSON-ready facts.
    """

    name: str
    status: AxisStatus
    summary: str
    does_not_prove: str
    evidence: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "status": str(self.status),
            "summary": self.summary,
            "does_not_prove": self.does_not_prove,
            "evidence": list(self.evidence),
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Result:
    """One validation result: a status code of the standard, as it was recorded or as it was found now.

    kind: "success", "informational" or "failure". recorded: written into the file by whoever signed it, rather than
    found by the engine now.
    """

    code: str
    kind: str
    recorded: bool
    explanation: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"code": self.code, "kind": self.kind, "recorded": self.recorded, "explanation": self.explanation}


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One manifest or ingredient, from the newest back. depth: 0 for the active manifest, 1 for its ingredients, ...

    manifest: its label; None for an ingredient without credentials. relationship: parentOf, componentOf or inputTo;
    None for the active manifest. status: of its own results, the worst one. results: failures and remarks; successes
    are left out. reachable: whether the active manifest leads to it. actions: what is said to have been done.
    """

    depth: int
    status: AxisStatus
    manifest: str | None
    title: str | None
    format: str | None
    relationship: str | None
    generator: str | None
    signer: str | None
    signed_at: str | None
    actions: tuple[Mapping[str, str], ...] = ()
    results: tuple[Result, ...] = ()
    reachable: bool = True

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "depth": self.depth,
            "status": str(self.status),
            "manifest": self.manifest,
            "title": self.title,
            "format": self.format,
            "relationship": self.relationship,
            "generator": self.generator,
            "signer": self.signer,
            "signed_at": self.signed_at,
            "actions": [dict(a) for a in self.actions],
            "results": [r.to_dict() for r in self.results],
            "reachable": self.reachable,
        }


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes that the hash does not cover. start and length in bytes; None where the format only names the part."""

    start: int | None
    length: int | None
    what: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"start": self.start, "length": self.length, "what": self.what}


@dataclass(frozen=True, slots=True)
class Uncovered:
    """All bytes outside the hash. ranges: the first 200; count and total_bytes are of all (None: not known).

    credential_bytes: how many of them are the manifest store itself.
    """

    ranges: tuple[ByteRange, ...]
    count: int
    total_bytes: int | None
    credential_bytes: int | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "ranges": [r.to_dict() for r in self.ranges],
            "count": self.count,
            "total_bytes": self.total_bytes,
            "credential_bytes": self.credential_bytes,
        }


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a file's credentials, and whoever was asked besides, say about where it comes from.

    summary: one plain sentence. warnings: sentences that qualify it. notes: what else there is to know. trusted: an
    anchor vouches for the signer, whatever became of the content since. content_differs: the content is not what a
    trusted credential or a registered original binds. remote: address of a manifest kept elsewhere. trust_lists: what
    signers were measured against.
    """

    exhibit: Exhibit
    state: State
    summary: str
    axes: Mapping[str, Axis]
    history: tuple[HistoryEntry, ...] = ()
    uncovered: Uncovered | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    trusted: bool = False
    content_differs: bool = False
    remote: str | None = None
    sidecar: bool = False
    engine: str | None = None
    trust_lists: tuple[Mapping[str, Any], ...] = ()
    missing_lists: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """JSON-ready, without what an examination says of the exhibit and the tool already."""
        return {
            "state": str(self.state),
            "summary": self.summary,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "trusted": self.trusted,
            "content_differs": self.content_differs,
            "axes": {name: axis.to_dict() for name, axis in self.axes.items()},
            "history": [entry.to_dict() for entry in self.history],
            "uncovered": self.uncovered.to_dict() if self.uncovered else None,
            "remote": self.remote,
            "sidecar": self.sidecar,
            "engine": self.engine,
            "trust_lists": [dict(row) for row in self.trust_lists],
            "missing_lists": list(self.missing_lists),
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, in schema facevalue.provenance/1."""
        exhibit = self.exhibit
        return {
            "schema": SCHEMA,
            "tool": {"name": "facevalue", "version": __version__},
            "exhibit": {
                "name": exhibit.name,
                "sha256": exhibit.sha256,
                "bytes": exhibit.size,
                "media_type": exhibit.media_type,
            },
            **self.body(),
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """JSON text. Equal files, versions, lists and days give equal text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)
