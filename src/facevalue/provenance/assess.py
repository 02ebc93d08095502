"""From one reading to a Provenance: the axes are judged apart, then the state follows from them. Pure, given `now`."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facevalue.exhibit import Exhibit
from facevalue.provenance import codes, content
from facevalue.provenance.history import walk
from facevalue.provenance.outside import OutsideAnswer, outside_axes
from facevalue.provenance.record import AXES, Axis, AxisStatus, HistoryEntry, Provenance, State
from facevalue.provenance.reduce import FAILURE
from facevalue.provenance.signer import SignerFacts, judge_signer
from facevalue.provenance.trust import TrustSet

NEVER_FAKE = "Most genuine files carry no credentials: that there are none never means that a file is fake."
_NOTHING = "There is no credential to judge."
_UNREAD = "The credential could not be read."

Row = Mapping[str, Any]


def assess(
    exhibit: Exhibit,
    reading: Row,
    lists: TrustSet,
    *,
    outside: OutsideAnswer | None = None,
    sidecar: bool = False,
    now: datetime.datetime | None = None,
) -> Provenance:
    """What a reading (sandbox.read_credential) amounts to, with the trust lists and, if asked, what others know."""
    moment = now or datetime.datetime.now(datetime.UTC)
    if reading.get("status") == "read":
        found = _judged(exhibit, reading, lists, outside, moment)
    else:
        found = _unread(exhibit, reading, outside)
    used = lists if reading.get("status") == "read" else TrustSet()
    notes = [*_notes(reading), *(w for item in used.lists if (w := item.warning(moment.date())))]
    return _complete(found, reading, used, outside, sidecar, notes)


@dataclass(frozen=True, slots=True)
class _Found:
    exhibit: Exhibit
    state: State
    summary: str
    axes: Sequence[Axis]
    history: tuple[HistoryEntry, ...] = ()
    warnings: tuple[str, ...] = ()
    trusted: bool = False
    differs: bool = False


def _complete(
    found: _Found,
    reading: Row,
    lists: TrustSet,
    outside: OutsideAnswer | None,
    sidecar: bool,
    notes: Sequence[str],
) -> Provenance:
    by_name = {axis.name: axis for axis in (*found.axes, *outside_axes(outside))}
    return Provenance(
        exhibit=found.exhibit,
        state=found.state,
        summary=found.summary,
        axes={name: by_name[name] for name in AXES},
        history=found.history,
        uncovered=content.uncovered_of(reading),
        warnings=found.warnings,
        notes=tuple(notes),
        trusted=found.trusted,
        content_differs=found.differs or bool(outside and outside.content_differs),
        remote=reading.get("remote"),
        sidecar=sidecar,
        engine=reading.get("engine"),
        trust_lists=tuple(item.to_dict() for item in lists.lists),
        missing_lists=lists.missing,
    )


def _notes(reading: Row) -> list[str]:
    remote = reading.get("remote")
    if not remote:
        return []
    fetched = reading.get("fetched")
    if fetched and "bytes" in fetched:
        return [
            f"The manifest was fetched from where the file says that it is kept ({fetched['bytes']:,} bytes): {remote}"
        ]
    if fetched:
        return [
            f"The file names a manifest that is kept elsewhere; it could not be fetched: {fetched['why']}: {remote}"
        ]
    if reading.get("status") == "read":
        return [f"The file also names a manifest that is kept elsewhere: {remote}"]
    return [f"The file names a manifest that is kept elsewhere and was not fetched (that needs --online): {remote}"]


# -- nothing to judge ----------------------------------------------------------------------------------------------


def _unread(exhibit: Exhibit, reading: Row, outside: OutsideAnswer | None) -> _Found:
    if reading.get("status") == "failed":
        why = str(reading.get("why") or "no reason was given")
        axes = _blank(AxisStatus.UNKNOWN, _UNREAD)
        return _Found(exhibit, State.ERROR, f"The credential could not be verified: {why}.", axes)
    if reading.get("status") == "unsupported":
        axes = _blank(AxisStatus.NOT_AVAILABLE, f"Credentials are not read here: {reading.get('why')}.")
        summary = f"No credentials were found: {reading.get('why')}. {NEVER_FAKE}"
    else:
        axes, summary = _blank(AxisStatus.ABSENT, _NOTHING), f"No credentials were found. {NEVER_FAKE}"
    if outside and outside.matched:
        told = outside.summary or "The content matches one that is registered."
        return _Found(exhibit, State.RECOVERED_MATCH, f"Matched by {outside.matched_by}: {told}", axes)
    return _Found(exhibit, State.NO_CREDENTIALS, summary, axes)


def _blank(status: AxisStatus, summary: str) -> list[Axis]:
    judged = [name for name in AXES if name not in ("recovered", "registry", "log")]
    return [Axis(name, status, summary, NEVER_FAKE) for name in judged]


# -- a credential --------------------------------------------------------------------------------------------------


def _judged(
    exhibit: Exhibit, reading: Row, lists: TrustSet, outside: OutsideAnswer | None, now: datetime.datetime
) -> _Found:
    signer = judge_signer(reading, lists, now)
    entries = walk(reading)
    bound, signed = content.binding(reading, content.uncovered_of(reading)), content.claim_signature(reading)
    whole = bound.status in (AxisStatus.PASSED, AxisStatus.WARNING) and signed.status is AxisStatus.PASSED
    fresh = _fresh_tampering(entries)
    second = content.second_opinion(reading, whole and not fresh, bound.status, signed.status)
    past, origin = content.history(entries), content.declared_origin(entries)
    axes = [bound, signed, signer.trust, signer.time, signer.revocation, past, origin, second]
    warnings = _warnings(reading, axes, outside)
    state, summary = _state(reading, axes, signer, fresh, warnings)
    proven = signer.trusted and _signed(reading)
    differs = state is State.ALTERED and proven and (bound.status is AxisStatus.FAILED or _assertion_changed(reading))
    return _Found(exhibit, state, summary, axes, entries, tuple(warnings), proven, differs)


def _fresh_tampering(entries: Sequence[HistoryEntry]) -> list[str]:
    """Ingredients whose manifests are broken now without that being recorded: changed since the file was signed."""
    out = []
    for entry in entries:
        recorded = {r.code for r in entry.results if r.recorded and r.kind == FAILURE}
        new = [r.code for r in entry.results if not r.recorded and r.kind == FAILURE and codes.is_tampering(r.code)]
        if entry.depth > 0:
            out += [code for code in new if code not in recorded]
    return out


def _signed(reading: Row) -> bool:
    """The claim itself is what a key signed, by the engine and by our own check."""
    own = (reading.get("signature") or {}).get("own")
    return own == "valid" and any(r.get("code") == "claimSignature.validated" for r in content.active_results(reading))


def _assertion_changed(reading: Row) -> bool:
    return any(code.endswith("hashedURI.mismatch") for code in content.failures(reading))


def _state(
    reading: Row, axes: Sequence[Axis], signer: SignerFacts, fresh: Sequence[str], warnings: Sequence[str]
) -> tuple[State, str]:
    bound, signed = axes[0], axes[1]
    bad = content.failures(reading)
    forged = (reading.get("signature") or {}).get("own") == "invalid"
    if bound.status is AxisStatus.FAILED:
        return State.ALTERED, "The content differs from what its credential was made for."
    if forged or fresh or any(map(codes.is_tampering, bad)):
        return State.ALTERED, "The credential itself was changed or damaged after it was signed."
    if signed.status is AxisStatus.FAILED:
        listed = ", ".join(dict.fromkeys(c for c in bad if codes.is_malformed(c))) or "no valid signature"
        return State.ERROR, f"The credential breaks rules of the standard, so that it proves nothing ({listed[:300]})."
    if signer.revocation.status is AxisStatus.FAILED:
        return (
            State.UNTRUSTED_SIGNER,
            f"The credential is intact, but its signer cannot be trusted: {signer.revocation.summary}",
        )
    if not signer.trusted:
        told = f"The credential is intact, but its signer is not trusted here: {signer.trust.summary}"
        return State.UNTRUSTED_SIGNER, " ".join([told, *warnings[:1]])
    if warnings:
        return State.VERIFIED_WITH_WARNINGS, f"A trusted signer's credential is intact, but: {warnings[0]}"
    return State.VERIFIED, "A trusted signer's credential is intact, and nothing recorded speaks against it."


def _warnings(reading: Row, axes: Sequence[Axis], outside: OutsideAnswer | None) -> list[str]:
    bound, _, _, time, revocation, past, _, second = axes
    out = [a.summary for a in (past, second, revocation) if a.status in (AxisStatus.FAILED, AxisStatus.WARNING)]
    out += [time.summary] if time.status is AxisStatus.FAILED else []
    out += [bound.summary] if bound.status in (AxisStatus.WARNING, AxisStatus.UNKNOWN) else []
    identity = [c for c in content.failures(reading) if codes.is_identity(c)]
    if identity:
        out.append(f"The identity of a named actor could not be confirmed ({', '.join(dict.fromkeys(identity))}).")
    stray = [e for e in walk(reading) if not e.reachable]
    if stray:
        out.append(f"The store holds {len(stray)} manifests that nothing refers to.")
    if outside and outside.content_differs:
        out.append("A registered original exists, and the content differs from it.")
    out += outside.warnings if outside else ()
    return out
