"""Who may do what: the checks that a submission passes before anything is written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facevalue.registry.errors import RefusedError
from facevalue.registry.folder import MAX_MANIFEST_BYTES
from facevalue.registry.jumbf import read_store
from facevalue.registry.submission import Action, Submission, check_fresh, open_submission
from facevalue.registry.words import Algorithm, Entry, Key, Role

_MAY = {
    Action.REGISTER: {Role.PUBLISHER, Role.CURATOR},
    Action.REVOKE: {Role.PUBLISHER, Role.CURATOR},
    Action.READ: {Role.PUBLISHER, Role.CURATOR, Role.AUDITOR},
}


@dataclass(frozen=True, slots=True)
class Request:
    """What arrives: a signed submission as JSON, and the bytes of the manifest store that it names, if any."""

    envelope: Any
    manifest: bytes | None = None


def admit(request: Request, registry: str, now: float, algorithms: Mapping[str, tuple[int, Algorithm]]) -> Submission:
    """The submission, if its form, signature, time and content are in order. Raises RefusedError.

    registry: this registry's origin. now: POSIX seconds.
    """
    submission = open_submission(request.envelope)
    check_fresh(submission, registry, now)
    if submission.entry is not None:
        _check_bindings(submission.entry, algorithms)
        _check_manifest(submission.entry, request.manifest)
    return submission


def authorise(submission: Submission, key: Key | None) -> Key:
    """The key, if it may do such a thing at all; whether it may do it to this claim, see owns. Raises RefusedError."""
    if key is None:
        raise RefusedError("unknown_key", "this key may not write to this registry: it is not known here", 403)
    if key.disabled is not None:
        raise RefusedError("disabled_key", "this key was disabled", 403)
    if key.role not in _MAY[submission.action]:
        raise RefusedError("forbidden", f"the role {key.role} may not {submission.action}", 403)
    return key


def owns(key: Key, action: Action, holder: bytes) -> bool:
    """Whether the key may do that to a claim of the key `holder`."""
    return key.public == holder or key.role is Role.CURATOR or (action is Action.READ and key.role is Role.AUDITOR)


def _check_bindings(entry: Entry, algorithms: Mapping[str, tuple[int, Algorithm]]) -> None:
    for binding in entry.bindings:
        if binding.alg not in algorithms:
            raise RefusedError("unknown_algorithm", f"this registry knows no soft binding called {binding.alg:.60}")
        algorithms[binding.alg][1].check(binding.value)


def _check_manifest(entry: Entry, manifest: bytes | None) -> None:
    if manifest is None:
        return
    if len(manifest) > MAX_MANIFEST_BYTES:
        raise RefusedError("too_large", f"a manifest store is at most {MAX_MANIFEST_BYTES >> 20} MiB", 413)
    if entry.manifest is None or hashlib.sha256(manifest).digest() != entry.manifest:
        raise RefusedError("bad_manifest", "the manifest's bytes do not hash to the entry's manifest_sha256")
    labels = [m.label for m in read_store(manifest)]
    if entry.manifest_id != labels[-1]:
        raise RefusedError("bad_manifest", "the entry's manifest_id is not that of the store's active manifest")
