"""Verifying provenance: what joins reading, trust lists and whoever is asked besides. `facevalue.verify` is this one.

It lies beside `examine`, which asks the same of every exhibit that it examines.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facevalue.errors import UnreadableError, UsageError
from facevalue.exhibit import Exhibit, Source
from facevalue.finding import DECLARES_SYNTHETIC, Finding
from facevalue.home import require_network
from facevalue.opinion.standing import Standing
from facevalue.provenance.assess import assess
from facevalue.provenance.online import ask_revocation, fetch_manifest
from facevalue.provenance.outside import OutsideAnswer
from facevalue.provenance.record import Axis, AxisStatus, Provenance, State
from facevalue.provenance.sandbox import read_credential
from facevalue.provenance.settings import EngineSettings
from facevalue.provenance.trust import AnchorKind, TrustSet, trust_set
from facevalue.registered import Carried, asker

if TYPE_CHECKING:
    from facevalue.registered import Where

MAX_SIDECAR_BYTES = 128 << 20


def verify(
    source: Source,
    trust: str | Path | None = None,
    registry: Where | None = None,
    *,
    tsa_trust: str | Path | None = None,
    sidecar: str | Path | None = None,
    online: bool = False,
    second_opinion: bool = True,
    log_key: str | None = None,
    name: str | None = None,
) -> Provenance:
    """What the credentials of a file (a path, bytes or a binary file object) say, and what can be relied on.

    trust: a PEM file that replaces the published anchors of claim signers; tsa_trust: the same for time-stamping
    authorities. registry: a registry's folder or http(s) address, a Registry, a RemoteRegistry, or a callable that
    takes an Exhibit and gives an OutsideAnswer; it fills the axes recovered, registry and log. An address is told the
    file's hash and its manifest's identifier, and of a file that carries none and is not known there, its
    fingerprints. log_key: the verifier key that the registry's log must have; it is
    remembered in FACEVALUE_HOME, and without it the log must have the key that it had before. sidecar: a `.c2pa` file
    that holds the manifest; without one, NAME.c2pa beside NAME.EXT is used where it fits. online:
    fetch a manifest that is kept elsewhere and ask about revocation; refused while
    FACEVALUE_OFFLINE=1. second_opinion: ask the independent verifier too, where it is installed. name replaces the
    exhibit's name.

    A bad file, or one that is not there, is a Provenance in state `error`. Raises UsageError for anchors or a sidecar
    that cannot be read and for a registry that is none of these, and OfflineError.
    """
    lists = trust_set(trust, tsa_trust)
    store = _sidecar(sidecar) if sidecar is not None else None
    if online:
        require_network("verifying online")
    if registry is not None:
        asker(registry, log_key)  # refused before anything is read
    elif log_key is not None:
        raise UsageError("a log key goes with a registry to ask")
    try:
        exhibit = Exhibit.open(source, name=name)
    except UnreadableError as error:
        return assess(Exhibit.unread(source, name=name), {"status": "failed", "why": str(error)}, lists)
    found = verify_exhibit(
        exhibit, lists, registry, sidecar=store, online=online, second_opinion=second_opinion, log_key=log_key
    )
    beside = _beside(source) if store is None and found.state in _WITHOUT else None
    return found if beside is None else _with_beside(found, beside, lists, registry, second_opinion, log_key)


def verify_exhibit(
    exhibit: Exhibit,
    lists: TrustSet,
    registry: Where | None = None,
    *,
    sidecar: bytes | None = None,
    online: bool = False,
    second_opinion: bool = True,
    log_key: str | None = None,
) -> Provenance:
    """As verify, on an exhibit that is open already. Never raises for a bad file."""
    settings = EngineSettings(lists.pem(AnchorKind.CLAIM), lists.pem(AnchorKind.TSA))
    reading = read_credential(exhibit, settings, sidecar=sidecar, second=second_opinion)
    if online and reading.get("remote") and reading.get("status") == "none":
        reading = _with_remote(exhibit, settings, str(reading["remote"]), second_opinion)
    if online and reading.get("status") == "read":
        reading = {**reading, "asked": ask_revocation(reading, lists.of(AnchorKind.CLAIM))}
    outside = asker(registry, log_key)(exhibit, Carried.of(reading)) if registry is not None else None
    return assess(exhibit, reading, lists, outside=outside, sidecar=sidecar is not None)


def _with_remote(exhibit: Exhibit, settings: EngineSettings, url: str, second_opinion: bool) -> dict[str, Any]:
    """A reading with the manifest that the file says is kept at that address; why there is none, in "fetched"."""
    store, fetched = fetch_manifest(url)
    if store is None:
        return {"status": "none", "remote": url, "fetched": fetched}
    reading = read_credential(exhibit, settings, sidecar=store, second=second_opinion)
    return {**reading, "remote": url, "fetched": fetched}


_WITHOUT = (State.NO_CREDENTIALS, State.RECOVERED_MATCH)


def _beside(source: Source) -> Path | None:
    """NAME.c2pa beside NAME.EXT: where a manifest that is kept apart from its file lies (C2PA 2.2, section 11.4)."""
    if not isinstance(source, str | os.PathLike):
        return None
    try:
        path = Path(source).with_suffix(".c2pa")
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None


def _with_beside(
    found: Provenance,
    beside: Path,
    lists: TrustSet,
    registry: Where | None,
    second_opinion: bool,
    log_key: str | None,
) -> Provenance:
    """With the manifest that lies beside the file, if it was made for this content.

    If it was not, it may be the manifest of another file of that name, so that it is told and judged no further.
    """
    try:
        store = _sidecar(beside)
    except UsageError as error:
        return replace(found, notes=(*found.notes, f"A manifest lies beside the file, but {error}."))
    other = verify_exhibit(
        found.exhibit, lists, registry, sidecar=store, second_opinion=second_opinion, log_key=log_key
    )
    if other.axes["binding"].status in (AxisStatus.PASSED, AxisStatus.WARNING):
        return replace(other, notes=(*other.notes, f"The manifest was found beside the file, in {beside.name}."))
    told = (
        f"The manifest beside the file, {beside.name}, does not fit it: it was made for another file, or the content "
        "was changed since. To have it judged, name it as the sidecar."
    )
    return replace(found, warnings=(*found.warnings, told))


def _sidecar(path: str | Path) -> bytes:
    path = Path(path)
    try:
        if path.stat().st_size > MAX_SIDECAR_BYTES:
            raise UsageError(f"the sidecar {path.name} is larger than {MAX_SIDECAR_BYTES >> 20} MiB")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the sidecar {path.name}: {getattr(error, 'strerror', None) or error}") from None
    if not data:
        raise UsageError(f"the sidecar {path.name} is empty")
    return data


# -- inside an examination -----------------------------------------------------------------------------------------


def standing(found: Provenance) -> Standing:
    """What an opinion takes from it: whether a trusted credential, or an original, is contradicted or upheld."""
    return Standing(
        differs=found.content_differs,
        upheld=found.state is State.VERIFIED,
        sentence="" if found.state is State.NO_CREDENTIALS else found.summary,
    )


def record(findings: Sequence[Finding], facts: Mapping[str, Any], found: Provenance | None) -> dict[str, Any]:
    """The object `provenance` of an examination: what the file declares, what its manifest says, what that is worth."""
    declared = [r for f in findings for r in f.regions if r.kind == "field" and r.label == DECLARES_SYNTHETIC]
    c2pa = facts.get("c2pa")
    return {
        "declarations": [{"field": r.field_name, "value": r.value, **dict(r.details)} for r in declared],
        "c2pa": dict(c2pa) if isinstance(c2pa, Mapping) else None,
        "credentials": found.body() if found else None,
    }


__all__ = [
    "Axis",
    "AxisStatus",
    "OutsideAnswer",
    "Provenance",
    "State",
    "record",
    "standing",
    "verify",
    "verify_exhibit",
]
