"""What signing leaves: the file, and an account of every step: what was done, what was not, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from facevalue._version import __version__
from facevalue.provenance.record import Provenance
from facevalue.signing.identity import Identity
from facevalue.signing.manifest import SoftBinding

SCHEMA = "facevalue.signing/1"


class StepStatus(StrEnum):
    """done: it was done. not_done: it was not, and the sentence says why. off: nobody wanted it."""

    DONE = "done"
    NOT_DONE = "not_done"
    OFF = "off"


STEPS = (
    "history",
    "watermark",
    "fingerprint",
    "credential",
    "time_stamp",
    "verified",
    "second_verifier",
    "registry",
    "log",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step. sentence: what was done, or why not. details: JSON-ready facts. seconds: how long it took."""

    name: str
    status: StepStatus
    sentence: str
    details: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the time that it took."""
        return {
            "step": self.name,
            "status": str(self.status),
            "sentence": self.sentence,
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed file. It stands at `path`, complete, and was verified again by two verifiers.

    path: the signed file, or the manifest beside the untouched original when `sidecar`. content_sha256: of the file
    that the credential binds. proof: where the log's proof was written; None without a registry. provenance: what our
    own verifier says of it, with the identity's own anchors. warnings: what a reader must know, such as a parent that
    was altered.
    """

    path: Path
    sidecar: bool
    original: str
    content_sha256: str
    media_type: str
    title: str
    identity: Identity = field(repr=False)
    manifest_id: str
    manifest_sha256: str
    provenance: Provenance = field(repr=False)
    steps: tuple[Step, ...]
    bindings: tuple[SoftBinding, ...] = ()
    warnings: tuple[str, ...] = ()
    proof: Path | None = None
    registry: Mapping[str, Any] | None = None

    def __getitem__(self, step: str) -> Step:
        """The step of that name. Raises KeyError."""
        for found in self.steps:
            if found.name == step:
                return found
        raise KeyError(step)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, in schema facevalue.signing/1."""
        return {
            "schema": SCHEMA,
            "tool": {"name": "facevalue", "version": __version__},
            "original": self.original,
            "output": str(self.path),
            "sidecar": self.sidecar,
            "content_sha256": self.content_sha256,
            "media_type": self.media_type,
            "title": self.title,
            "identity": {
                "name": self.identity.name,
                "subject": self.identity.subject,
                "sha256": self.identity.sha256,
                "test": self.identity.test,
            },
            "manifest": {"id": self.manifest_id, "sha256": self.manifest_sha256},
            "bindings": [{"alg": b.algorithm, "kind": b.kind, "value": b.value.hex()} for b in self.bindings],
            "state": str(self.provenance.state),
            "summary": self.provenance.summary,
            "warnings": list(self.warnings),
            "steps": [step.to_dict() for step in self.steps],
            "registry": dict(self.registry) if self.registry else None,
            "proof": str(self.proof) if self.proof else None,
            "timings_s": {step.name: round(step.seconds, 4) for step in self.steps},
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)
