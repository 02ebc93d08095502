"""Who signed, when, and whether that still holds: the axes signer_trust, time and revocation, by our own checks."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from facevalue.provenance.chain import ChainResult, check_claim_chain, subject_of
from facevalue.provenance.record import Axis, AxisStatus
from facevalue.provenance.reduce import FAILURE
from facevalue.provenance.revocation import Stapled, read_stapled
from facevalue.provenance.timestamp import check_token
from facevalue.provenance.trust import PULL_HINT, AnchorKind, TrustSet

_TRUST_NOT = "That a list vouches for the signer does not make what they sign true; it says who answers for it."
_TIME_NOT = "A time stamp shows that the credential existed then, not when the content was recorded."
_REVOKED_NOT = "What was recorded when it was signed does not show what was revoked since."
_ASKED_NOT = "An answer holds for the moment at which it was given; a key may be lost before its owner says so."

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SignerFacts:
    """The three axes. trusted: vouched for, and not revoked."""

    trust: Axis
    time: Axis
    revocation: Axis
    trusted: bool


def judge_signer(reading: Row, lists: TrustSet, now: datetime.datetime) -> SignerFacts:
    """The three axes from one reading. now: aware of its time zone."""
    codes = {str(r.get("code")): r for r in reading.get("results") or [] if not r.get("ingredient")}
    signature = reading.get("signature") or {}
    chain = _load(signature.get("chain") or [])
    time, stamped = _time(reading, signature, codes, lists)
    moment = stamped or now
    result = check_claim_chain(chain, lists.of(AnchorKind.CLAIM), moment)
    anchors, asked = lists.of(AnchorKind.CLAIM), reading.get("asked")
    stapled = read_stapled(signature.get("ocsp") or [], chain, anchors)
    stapled += read_stapled([a["response"] for a in asked or [] if "response" in a], chain, anchors, now)
    revocation = _revocation(codes, stapled, stamped, asked)
    trust, trusted = _trust(reading, chain, result, codes, lists, stamped)
    return SignerFacts(trust, time, revocation, trusted and revocation.status is not AxisStatus.FAILED)


def _load(chain: Sequence[str]) -> list[x509.Certificate]:
    """Certificates of the chain, leaf first; one that cannot be read ends it, since what follows then has no order."""
    out = list[x509.Certificate]()
    for text in chain:
        try:
            out.append(x509.load_der_x509_certificate(base64.b64decode(text)))
        except Exception:  # malformed: the checks then say what is missing
            break
    return out


# -- trust ---------------------------------------------------------------------------------------------------------


def _trust(
    reading: Row,
    chain: Sequence[x509.Certificate],
    result: ChainResult,
    codes: Mapping[str, Row],
    lists: TrustSet,
    stamped: datetime.datetime | None,
) -> tuple[Axis, bool]:
    engine = "signingCredential.trusted" in codes
    trusted = result.trusted and engine
    found = lists.holding(result.anchor) if result.trusted else None
    evidence = [_when(stamped), *_path(result), f"Extended key usage: {', '.join(result.ekus) or 'none'}."]
    if found:
        evidence.append(f"The anchor is on the list {found.name} ({found.source}, sha256 {found.sha256[:12]}).")
    if engine != result.trusted:
        said = "trusts" if engine else "does not trust"
        evidence.append(f"The engine alone {said} this signer; our own check of the chain says otherwise.")
    details: dict[str, Any] = {
        "list": found.name if found else None,
        "ekus": list(result.ekus),
        "path": list(result.path),
    }
    details |= {"engine_trusts": engine, "own_check": result.trusted, "expired": result.expired}
    status, summary = _verdict(reading, chain, result, engine, lists)
    return Axis("signer_trust", status, summary, _TRUST_NOT, tuple(evidence), details), trusted


def _verdict(
    reading: Row, chain: Sequence[x509.Certificate], result: ChainResult, engine: bool, lists: TrustSet
) -> tuple[AxisStatus, str]:
    if reading.get("own_failed"):
        return AxisStatus.UNKNOWN, f"The signer could not be checked: {reading['own_failed']}."
    who = subject_of(chain[0]) if chain else "nobody"
    if result.trusted and engine:
        return AxisStatus.PASSED, f"{who} is vouched for by an anchor of claim signers."
    if result.trusted:
        return AxisStatus.WARNING, f"{who} is vouched for by our own check alone; the engine does not agree."
    reasons = "; ".join(result.reasons)
    if not lists.of(AnchorKind.CLAIM) and lists.missing:
        hint = f"run `{PULL_HINT}`, or name anchors with --trust"
        return AxisStatus.NOT_AVAILABLE, f"{who}: the list {lists.missing[0]} is not on this machine ({hint})."
    return AxisStatus.FAILED, f"{who} is not trusted: {reasons}."


def _when(stamped: datetime.datetime | None) -> str:
    if stamped:
        return f"Judged as of the trusted time stamp, {stamped:%Y-%m-%d}."
    return "Judged as of today, since no trusted time stamp says when it was signed."


def _path(result: ChainResult) -> list[str]:
    return [f"Chain: {' <- '.join(result.path)}."] if result.path else []


# -- time ----------------------------------------------------------------------------------------------------------


def _time(
    reading: Row, signature: Row, codes: Mapping[str, Row], lists: TrustSet
) -> tuple[Axis, datetime.datetime | None]:
    """The axis, and the moment if a list vouches for whoever stamped it."""
    manifest = (reading.get("manifests") or {}).get(reading.get("active")) or {}
    stated, moment = manifest.get("signed_at"), _parse(manifest.get("signed_at"))
    bad = [
        c for c in codes if c.startswith("timeStamp.") and c.endswith((".mismatch", ".malformed", ".outsideValidity"))
    ]
    bad += [c for c, r in codes.items() if c.startswith("timeStamp.") and r.get("kind") == FAILURE and c not in bad]
    tokens = signature.get("timestamps") or []
    if bad:
        summary = f"The time stamp does not hold ({', '.join(bad)})."
        return Axis("time", AxisStatus.FAILED, summary, _TIME_NOT, (), {"stated": stated}), None
    if "timeStamp.validated" not in codes or moment is None:
        status = AxisStatus.UNKNOWN if tokens or stated else AxisStatus.ABSENT
        summary = "There is no time stamp: when it was signed is not known."
        if status is AxisStatus.UNKNOWN:
            summary = "There is a time stamp, but it could not be judged."
        return Axis("time", status, summary, _TIME_NOT, (), {"stated": stated}), None
    checks = [r for t in tokens if (r := check_token(str(t.get("token")), lists.of(AnchorKind.TSA), moment))]
    return _stamped(moment, checks, lists)


def _stamped(
    moment: datetime.datetime, checks: Sequence[ChainResult], lists: TrustSet
) -> tuple[Axis, datetime.datetime | None]:
    good = next((c for c in checks if c.trusted), None)
    details: dict[str, Any] = {"stated": moment.isoformat(), "authority": None, "list": None}
    if good:
        found = lists.holding(good.anchor)
        details |= {"authority": good.path[0], "list": found.name if found else None}
        summary = f"Signed by {moment:%Y-%m-%d %H:%M} UTC, says {good.path[0]}, which a list vouches for."
        return Axis("time", AxisStatus.PASSED, summary, _TIME_NOT, tuple(_path(good)), details), moment
    who = checks[0].path[0] if checks and checks[0].path else "an authority that is not named"
    details["authority"] = who
    why = "; ".join(checks[0].reasons) if checks else "its certificates are not inside the time stamp"
    summary = f"A time stamp of {moment:%Y-%m-%d %H:%M} UTC fits the signature, but no list vouches for {who}."
    return Axis("time", AxisStatus.UNKNOWN, summary, _TIME_NOT, (f"{why}.",), details), None


def _parse(stated: object) -> datetime.datetime | None:
    try:
        moment = datetime.datetime.fromisoformat(str(stated))
    except ValueError:
        return None
    return moment.astimezone(datetime.UTC) if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


# -- revocation ----------------------------------------------------------------------------------------------------


def _revocation(
    codes: Mapping[str, Row],
    stapled: Sequence[Stapled],
    stamped: datetime.datetime | None,
    asked: Sequence[Row] | None,
) -> Axis:
    """asked: whom the user had asked now (online.ask_revocation); None when they did not want anybody to be asked."""
    details: dict[str, Any] = {"stapled": [_stapled(s) for s in stapled if not s.asked]}
    if asked is not None:
        details |= {"asked": [_stapled(s) for s in stapled if s.asked], "responders": [a["by"] for a in asked]}
    said = next((s for s in stapled if s.genuine and s.status == "revoked"), None)
    engine = [c for c in codes if c.endswith(".revoked")]
    if said and stamped and said.revoked and said.revoked > stamped:
        summary = f"The certificate was revoked on {said.revoked:%Y-%m-%d}, after the trusted time stamp."
        return Axis("revocation", AxisStatus.WARNING, summary, _REVOKED_NOT, (), details)
    if said or engine:
        summary = "The signer's certificate was revoked."
        return Axis("revocation", AxisStatus.FAILED, summary, _REVOKED_NOT, tuple(engine), details)
    good = max((s for s in stapled if s.genuine and s.status == "good"), key=lambda s: s.asked, default=None)
    silent = tuple(f"{a['by']} gave no answer: {a['why']}." for a in asked or () if "why" in a)
    if good and good.asked:
        summary = f"The certificate is not revoked, says the authority, asked now (answer of {good.produced:%Y-%m-%d})."
        return Axis("revocation", AxisStatus.PASSED, summary, _ASKED_NOT, silent, details)
    if good or any(c.endswith(".ocsp.notRevoked") for c in codes):
        day = f" on {good.produced:%Y-%m-%d}" if good else ""
        summary = f"The certificate was not revoked{day}, as the authority's answer recorded in the file says."
        return Axis("revocation", AxisStatus.PASSED, summary, _REVOKED_NOT, silent, details)
    if stapled:
        summary = (
            "There is an answer about revocation, but nobody who may give it signed it, or it is old or undecided."
        )
        return Axis("revocation", AxisStatus.UNKNOWN, summary, _REVOKED_NOT, silent, details)
    if silent:
        summary = "Nothing about revocation is recorded in the file, and the authority gave no answer now."
        return Axis("revocation", AxisStatus.NOT_AVAILABLE, summary, _ASKED_NOT, silent, details)
    whom = (
        "nobody was asked: that needs the network (--online)"
        if asked is None
        else "the certificate names nobody to ask"
    )
    summary = f"Nothing about revocation is recorded in the file, and {whom}."
    return Axis("revocation", AxisStatus.NOT_ASKED, summary, _REVOKED_NOT, (), details)


def _stapled(stapled: Stapled) -> dict[str, Any]:
    return {
        "status": stapled.status,
        "genuine": stapled.genuine,
        "produced": stapled.produced.isoformat(),
        "revoked": stapled.revoked.isoformat() if stapled.revoked else None,
    }
