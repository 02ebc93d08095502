"""From what a registry told to the axes recovered, registry and log. Pure: nothing is asked here.

Only claims that were not withdrawn, of a log that bears out all that was told, can make a match or a contradiction.
A contradiction takes a comparison: a registered original names the manifest that the file carries, its bytes are
others, and what the manifest binds is broken in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facevalue.provenance import content
from facevalue.provenance.outside import Answer, OutsideAnswer
from facevalue.provenance.record import AxisStatus
from facevalue.registered import recovery
from facevalue.registered.embedded import asset_hash_of
from facevalue.registered.ladder import Climb
from facevalue.registered.sources import Known, Told

_UNDECIDED = "The registry does not decide between them: the earliest stands first, and all are shown."
_NOT_BELIEVED = "The registry was not believed, because its log does not hold."


@dataclass(frozen=True, slots=True)
class Carried:
    """What the file itself carries: its manifest's identifier, None without one, and how its content binding holds.

    asset_hash: the hash of that binding, where it holds.
    """

    manifest: str | None = None
    binding: AxisStatus = AxisStatus.ABSENT
    asset_hash: bytes | None = None

    @classmethod
    def of(cls, reading: Mapping[str, Any]) -> Carried:
        """From a reading (provenance.sandbox.read_credential)."""
        if reading.get("status") != "read":
            return cls()
        status = content.binding(reading, None).status
        kept = asset_hash_of(reading) if status in (AxisStatus.PASSED, AxisStatus.WARNING) else None
        return cls(str(reading.get("active") or "") or None, status, kept)


def answer(sha256: str, carried: Carried, known: Known, climbed: Climb | None = None) -> OutsideAnswer:
    """What it amounts to for a file with that hash (hex) that carries this.

    climbed: what the ladder found of a file that carries nothing and whose bytes are not registered.
    """
    if any(told.broken is not None for told in known.all) or (known.log is not None and known.log.wrong):
        return _unproven(known)
    others = [told for told in known.manifest if told.counts and told.entry.content.hex() != sha256]
    differs = bool(others) and carried.binding is AxisStatus.FAILED
    match = next((told for told in known.content if told.counts and told.entry.manifest_id), None)
    if climbed is not None:
        return _climbed(known, climbed)
    recovered = carried.manifest is None and match is not None
    withdrawn = bool(known.content) and all(told.revoked for told in known.content)
    status, summary = _differing(others[0]) if differs else _found(carried, known)
    return OutsideAnswer(
        recovered=_recovered(carried, match),
        registry=Answer(status, summary, _evidence(known), _details(known)),
        log=_log(known),
        matched=recovered,
        matched_by="content hash",
        content_differs=differs,
        summary=_recovery(match) if recovered and match else "",
        warnings=(summary,) if withdrawn and not differs else (),
    )


def _climbed(known: Known, climbed: Climb) -> OutsideAnswer:
    """Of a file without a manifest, by its fingerprints and watermark."""
    status, summary = _found(Carried(), known)
    best = climbed.best
    matched = recovery.stands(climbed)
    return OutsideAnswer(
        recovered=recovery.recovered(climbed),
        registry=Answer(status, summary, _evidence(known), _details(known)),
        log=_log(known),
        matched=matched,
        matched_by="soft binding",
        summary=recovery.recovery(best) if matched and best else "",
    )


def unanswered(why: str, *, log_broken: bool = False) -> OutsideAnswer:
    """Nothing could be learnt: the registry is not there, cannot be asked, or keeps a log that does not hold."""
    told = why.removeprefix("the registry cannot be asked: ").rstrip(".")[:500]
    if log_broken:
        broken = f"The registry's log does not hold: {told}."
        return OutsideAnswer(
            recovered=Answer(AxisStatus.UNKNOWN, _NOT_BELIEVED),
            registry=Answer(AxisStatus.UNKNOWN, _NOT_BELIEVED),
            log=Answer(AxisStatus.FAILED, broken),
        )
    missing = Answer(AxisStatus.NOT_AVAILABLE, f"The registry could not be asked: {told}.")
    return OutsideAnswer(recovered=missing, registry=missing, log=missing)


def _unproven(known: Known) -> OutsideAnswer:
    """Claims are shown, and nothing rests on them."""
    log = _log(known)
    told = f"Claims were found, but: {log.summary}" if known.all else _NOT_BELIEVED
    return OutsideAnswer(
        recovered=Answer(AxisStatus.UNKNOWN, _NOT_BELIEVED),
        registry=Answer(AxisStatus.UNKNOWN, told, _evidence(known), _details(known)),
        log=log,
    )


# -- registry ------------------------------------------------------------------------------------------------------


def _differing(original: Told) -> tuple[AxisStatus, str]:
    return AxisStatus.FAILED, (
        f"The manifest that this file carries was registered by {original.publisher} on {original.time} for an "
        "original with other bytes, and the content that the manifest binds was changed."
    )


def _found(carried: Carried, known: Known) -> tuple[AxisStatus, str]:
    if known.content:
        return _of_content(known.content)
    if known.manifest:
        return _of_manifest(known.manifest, carried)
    if known.similar:
        return _of_similar(known.similar)
    what = "this content or the manifest that it carries" if carried.manifest else "this content"
    return AxisStatus.ABSENT, f"Nothing is registered here for {what}. That says nothing about the file."


def _of_content(claims: Sequence[Told]) -> tuple[AxisStatus, str]:
    held = [told for told in claims if told.counts]
    if not held:
        last = claims[-1].revocations[-1]
        return AxisStatus.FAILED, (
            f"This exact content was registered by {claims[0].publisher} on {claims[0].time}, and that was revoked by "
            f"{last.by} on {last.time}: {last.reason}"
        )
    told = f"This exact content was registered by {held[0].publisher} on {held[0].time}."
    keys = len({claim.key for claim in held})
    if keys > 1:
        return AxisStatus.WARNING, f"{told} {keys} keys claim it. {_UNDECIDED}"
    if len(held) < len(claims):
        return AxisStatus.WARNING, f"{told} Another claim on it was revoked."
    return AxisStatus.PASSED, told


def _of_manifest(claims: Sequence[Told], carried: Carried) -> tuple[AxisStatus, str]:
    first = next((told for told in claims if told.counts), claims[0])
    told = f"The manifest that this file carries was registered by {first.publisher} on {first.time} for other bytes"
    if not first.counts:
        return AxisStatus.WARNING, f"{told}, and that was revoked."
    if carried.binding in (AxisStatus.PASSED, AxisStatus.WARNING):
        return AxisStatus.STATED, f"{told}; what the manifest binds is unchanged here."
    return AxisStatus.STATED, f"{told}; whether the content is the same could not be compared."


def _of_similar(claims: Sequence[Told]) -> tuple[AxisStatus, str]:
    first = next((told for told in claims if told.counts), claims[0])
    told = f"These bytes are not registered; what was registered by {first.publisher} on {first.time} is like them"
    if not first.counts:
        return AxisStatus.WARNING, f"{told}, and that was revoked."
    if len({claim.key for claim in claims}) > 1:
        return AxisStatus.WARNING, f"{told}. Several keys claim such content. {_UNDECIDED}"
    return AxisStatus.STATED, f"{told}."


def _evidence(known: Known) -> tuple[str, ...]:
    lines = [_line(told) for told in known.all]
    if known.total > len(lines):
        lines.append(f"{known.total} claims are known there; the earliest {len(lines)} are shown.")
    return tuple(lines)


def _line(told: Told) -> str:
    entry = told.entry
    parts = [f"{told.time}: registered by {told.publisher} (key {told.key}) as leaf {told.leaf}"]
    parts += [f'title "{entry.title}"'] if entry.title else []
    parts += [f"content sha256 {entry.content.hex()}"]
    parts += [f"C2PA manifest {entry.manifest_id}"] if entry.manifest_id else []
    parts += [f"REVOKED {r.time} by {r.by} as leaf {r.leaf}: {r.reason}" for r in told.revocations]
    return "; ".join(parts) + "."


def _details(known: Known) -> dict[str, Any]:
    return {
        "registry": known.origin,
        "entries": [told.to_dict() for told in known.all],
        "total": known.total,
        "conflict": len({told.key for told in known.content or known.similar}) > 1,
    }


# -- recovered -----------------------------------------------------------------------------------------------------


def _recovered(carried: Carried, match: Told | None) -> Answer:
    if carried.manifest is not None:
        return Answer(AxisStatus.NOT_ASKED, "The file comes with a manifest, so that none had to be recovered.")
    if match is None:
        return Answer(
            AxisStatus.ABSENT,
            "No manifest of exactly this content is registered here. It was asked for by its hash alone.",
        )
    kept = match.entry.manifest
    store = f"Its manifest store (sha256 {kept.hex()}) is kept by the registry." if kept else "No store of it is kept."
    evidence = (store, "It was not validated here: fetch it and give it as a sidecar for that.")
    details = {"matched_by": "content", "manifest_id": match.entry.manifest_id, "leaf": match.leaf}
    return Answer(AxisStatus.STATED, f"Matched by content hash: {_recovery(match)}", evidence, details)


def _recovery(match: Told) -> str:
    return (
        f"{match.publisher} registered the manifest {match.entry.manifest_id} for exactly this content on {match.time}."
    )


# -- log -----------------------------------------------------------------------------------------------------------


def _log(known: Known) -> Answer:
    details: dict[str, Any] = {"log": known.origin, "log_key": known.log_key, "size": known.size}
    details |= {"key": str(known.log.standing), "key_since": known.log.since} if known.log else {}
    claims = known.all
    if known.log is not None and known.log.wrong:
        return Answer(AxisStatus.FAILED, known.log.sentence, (), details)
    if not claims:
        return Answer(AxisStatus.ABSENT, "No entry was found, so there was none to prove.", (), details)
    broken = [told for told in claims if told.broken is not None]
    if broken:
        reasons = tuple(f"leaf {told.leaf}: {told.broken}" for told in broken)
        summary = f"The log does not bear out {len(broken)} of {len(claims)} entries that the registry shows."
        return Answer(AxisStatus.FAILED, summary, reasons, details)
    leaves = [leaf for told in claims for leaf in (told.leaf, *(r.leaf for r in told.revocations))]
    summary = f"{_counted(len(leaves))} of the log of {known.origin}, proven included under its signed checkpoint."
    return Answer(
        AxisStatus.PASSED, summary, (*(f"leaf {leaf}: included" for leaf in leaves), *_bounds(known)), details
    )


def _counted(leaves: int) -> str:
    return "1 leaf" if leaves == 1 else f"{leaves} leaves"


def _bounds(known: Known) -> tuple[str, ...]:
    own_word = (
        f"The checkpoint is signed by {known.log_key}, which is the registry's own word: compare it with the key that "
        "it publishes."
    )
    return (
        known.log.sentence if known.log else own_word,
        "It was not compared with an earlier checkpoint, nor with what witnesses saw: that is what "
        "facevalue registry log monitor does.",
    )
